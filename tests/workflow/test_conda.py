"""`--use-conda`, with a conda that makes no environment: what it is given, and what is planned with and without it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.workflow.conftest import Project

CONDA = """#!/bin/bash
case "$*" in
    "info --json") echo '{"conda_prefix": "PREFIX", "platform": "linux-64"}' ;;
    "--version") echo "conda 26.7.1" ;;
    config*) echo '{"get": {"channel_priority": "strict"}}' ;;
    "env create"*)
        folder="${!#}"
        mkdir -p "$folder/conda-meta"
        echo "create ${PYTHONNOUSERSITE:-unset}" >> PREFIX/said ;;
esac
"""
ACTIVATE = """export CONDA_PREFIX="$1"
echo "job ${PYTHONNOUSERSITE:-unset}" >> PREFIX/said
"""
DATA = "data/digits.safetensors"


@pytest.fixture
def conda(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a conda that is first on the path; what it was called with stands in `said`."""
    prefix = tmp_path / "conda"
    (prefix / "bin").mkdir(parents=True)
    for name, text in (("conda", CONDA), ("activate", ACTIVATE)):
        (prefix / "bin" / name).write_text(text.replace("PREFIX", str(prefix)))
        (prefix / "bin" / name).chmod(0o755)
    (prefix / "bin/python").symlink_to(sys.executable)
    monkeypatch.setenv("PATH", f"{prefix / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("PYTHONNOUSERSITE", raising=False)
    return prefix


def test_packages_of_the_user_stay_out_and_nothing_is_done_again(
    conda: Path, new_project: Callable[..., Project], tmp_path: Path
) -> None:
    project = new_project()
    project.run("--use-conda", "--", DATA)
    assert (conda / "said").read_text().splitlines() == ["create 1", "job 1"]

    assert "Nothing to be done" in project.run("-n", "--", DATA), "without conda"
    shutil.copytree(project.root, tmp_path / "moved", copy_function=shutil.copy2, symlinks=True)
    moved = Project(tmp_path / "moved")
    moved.replace("environment.yml", "name: espalier", "# A comment.\nname: espalier")
    assert "Nothing to be done" in moved.run("-n", "--use-conda", "--", DATA), "moved, with a comment"
