"""pyproject.toml, requirements.lock and environment.yml name the same versions, and no place they come from."""

from __future__ import annotations

import os
import re
import tomllib

import pytest
import yaml

from benchmarks.registry import ROOT
from tools import environment

PINNED = re.compile(r"^([A-Za-z0-9_.-]+)==([^\s;\\]+)", flags=re.M)


def pins(text: str) -> dict[str, str]:
    return {name.lower(): version for name, version in PINNED.findall(text)}


@pytest.fixture
def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_conda_has_what_the_lock_has_of_the_projects_needs(project: dict) -> None:
    text = (ROOT / "environment.yml").read_text()
    lock = (ROOT / "requirements.lock").read_text()
    assert text == environment.written(lock), "make lock"
    read = yaml.safe_load(text)
    python, pip, listed = read["dependencies"]
    assert python.startswith("python=3.") and pip == "pip"
    assert read["channels"] == ["conda-forge"], "conda 26.7 refuses a channel `nodefaults`"
    assert set(project["project"]["dependencies"]) <= set(listed["pip"])
    assert not {"pytest", "ruff", "mypy"} & {requirement.split("==")[0] for requirement in listed["pip"]}
    assert {requirement.split("==")[0] for requirement in listed["pip"]} >= {"pillow", "pulp", "nvidia-cudnn-cu13"}


def test_a_need_is_one_of_the_project_or_of_its_needs() -> None:
    lock = (
        "# by uv\n"
        "a==1 \\\n    --hash=sha256:0\n    # via espalier (pyproject.toml)\n"
        "b==2 ; python_full_version < '3.12' \\\n    --hash=sha256:0 \\\n    --hash=sha256:1\n    # via c\n"
        "c==3 \\\n    --hash=sha256:0\n    # via\n    #   a\n    #   d\n"
        "d==4 \\\n    --hash=sha256:0\n    # via espalier (pyproject.toml:dev)\n"
    )
    assert environment.needed(lock) == ["a==1", "b==2 ; python_full_version < '3.12'", "c==3"]


def test_the_lock_has_the_versions_of_the_project(project: dict) -> None:
    groups = project["dependency-groups"]
    assert all("==" in requirement for group in groups.values() for requirement in group)
    wanted = project["project"]["dependencies"] + groups["dev"]
    locked = pins((ROOT / "requirements.lock").read_text())
    for requirement in wanted:
        name, _, version = requirement.partition("==")
        assert locked[name.lower()] == version, f"{requirement} is not what requirements.lock has"


def test_every_locked_version_carries_hashes_and_no_index() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    blocks = re.split(r"\n(?=[A-Za-z0-9])", lock)
    for block in blocks:
        assert block.startswith("#") or "--hash=sha256:" in block, block[:80]
    assert not re.search(r"^--(extra-)?index-url", lock, flags=re.M) and "://" not in lock


@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="one process runs all tests")
def test_workers_know_the_groups_of_tests(request: pytest.FixtureRequest) -> None:
    """What must not run beside itself, a Slurm for one, rests on it."""
    assert request.node.nodeid.endswith(f"@{request.path.name}")
