"""`make help` lists every target, and is what `make` alone does. A target finds the study of whatever config."""

from __future__ import annotations

import json
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.registry import ROOT
from tests.workflow.conftest import TINY


@pytest.mark.parametrize("arguments", [[], ["help"]])
def test_help_lists_every_target_with_what_it_does(arguments: list[str]) -> None:
    printed = subprocess.run(["make", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    listed = dict(re.findall(r"^make (\w+) +(\S.*)$", printed, flags=re.M))
    (targets,) = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), flags=re.M)
    assert set(listed) == set(targets.split()) and "results" in listed


@pytest.mark.parametrize("tool", ["tools.show", "tools.export", "tools.publish"])
def test_what_make_calls_finds_the_study_of_any_config(
    tool: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As JSON with a byte order mark, under a path with spaces."""
    (tmp_path / "my study.json").write_text("\ufeff" + json.dumps(TINY), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", [tool, "my study.json"])
    with pytest.raises((FileNotFoundError, SystemExit), match=r"results/tiny/rows\.csv"):
        runpy.run_module(tool, run_name="__main__")
    assert not (tmp_path / "results").exists()


def test_a_config_that_cannot_be_read_is_one_line_before_snakemake_reads_it(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_bytes(b"study: caf\xe9\n")
    command = [sys.executable, "-m", "tools.check", "study.yaml"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, text=True, capture_output=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "ValueError: study.yaml is not UTF-8 text: byte 10 is 0xe9\n"
    makefile = (ROOT / "Makefile").read_text()
    assert len(re.findall(r"snakemake --cores \S+ --configfile", makefile)) == 1, "every target checks it first"


def test_a_config_under_a_path_with_spaces_is_one_argument() -> None:
    text = (ROOT / "Makefile").read_text()
    assert text.count("$(STUDY)") == text.count("'$(STUDY)'") > 3
