"""`snakemake plan`, as a user runs it; and the studies of config/, which must stay runnable."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks import registry
from benchmarks.registry import ROOT
from benchmarks.study import files
from benchmarks.study.config import parse
from tests.workflow.conftest import TINY, Project

STUDIES = sorted((ROOT / "config").glob("*.yaml"))


def total(printed: str) -> list[str]:
    """Cells, runs done, runs to do."""
    (line,) = [line for line in printed.splitlines() if "Total" in line]
    return line.split()[1:4]


def expected(done: int, **changes: Any) -> list[str]:
    """Every cell and the shared start, two seeds each by default."""
    study = parse(TINY | changes, "study.yaml")
    cells = len(list(study.cells()))
    runs, there = len(study.seeds) * (cells + 1), done * (cells + 1)
    return [str(count) for count in (cells, there, runs - there)]


def test_a_plan_is_printed_and_nothing_else_runs(new_project: Callable[..., Project]) -> None:
    project = new_project(datasets=["mnist"])  # not downloaded
    assert total(project.run("--quiet", "all", "--", "plan")) == expected(done=0)
    left = {str(path.relative_to(project.root / "results/tiny")) for path in (project.root / "results/tiny").rglob("*")}
    assert left == {".lock", "logs", "logs/plan.log"} and not (project.root / "data").exists()


def test_what_is_finished_is_not_counted_again(finished: Project) -> None:
    assert total(finished.run("--quiet", "all", "--", "plan")) == expected(done=2)
    finished.configure(seeds=3)
    assert total(finished.run("--quiet", "all", "--", "plan")) == expected(done=2, seeds=3)


def test_a_bad_config_is_refused_as_by_a_run(new_project: Callable[..., Project]) -> None:
    printed = new_project(epochs=-3).run("--", "plan", succeeds=False)
    assert "epochs: Input should be greater than 0, not -3" in printed and "Traceback" not in printed


def test_a_dataset_that_lacks_a_field_is_one_sentence_before_any_job(new_project: Callable[..., Project]) -> None:
    """As `make plan` prints it: of all that Snakemake says, `--quiet all` would keep nothing."""
    (quiet,) = re.findall(r"^quiet = (.*)$", (ROOT / "Makefile").read_text(), flags=re.M)
    project = new_project()
    path = project.root / "benchmarks/datasets/digits.py"
    path.write_text(re.sub(r"^IMAGES.*\n", "", path.read_text(), flags=re.M))
    printed = project.run(*quiet.split(), "--", "plan", succeeds=False)
    assert f"datasets[0]: {path}: IMAGES is missing; it must be images for (training, validation, test)" in printed
    assert "Traceback" not in printed and not (project.root / "results").exists()


def test_jobs_keep_the_users_python_path(new_project: Callable[..., Project], monkeypatch: pytest.MonkeyPatch) -> None:
    project = new_project()
    (project.root / "mine").mkdir()
    (project.root / "mine/own_layers.py").write_text("")
    project.replace("benchmarks/networks/lenet5.py", "from torch import nn", "import own_layers\nfrom torch import nn")
    monkeypatch.setenv("PYTHONPATH", str(project.root / "mine"))
    assert total(project.run("--quiet", "all", "--", "plan")) == expected(done=0)


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_every_study_here_is_valid_and_described(path: Path) -> None:
    assert files.load(path).study == path.stem
    assert f"`{path.name}`" in (ROOT / "config/README.md").read_text()


def test_the_paper_compares_methods_that_find_a_shape_on_the_network_itself() -> None:
    study = parse(yaml.safe_load((ROOT / "config/paper.yaml").read_text()), "paper.yaml")
    finds = [key for key in registry.keys("method") if {"macs", "free"} & set(registry.card(key).targets)]
    assert len(study.methods) > 30 and {entry.key for entry in study.methods} <= set(finds)


def test_the_paper_is_planned_by_snakemake(new_project: Callable[..., Project]) -> None:
    """On its first dataset and network: all cells, which are of the same kinds, take Snakemake a minute."""
    config = yaml.safe_load((ROOT / "config/paper.yaml").read_text())
    config |= {"datasets": config["datasets"][:1], "networks": config["networks"][:1]}
    project = new_project()
    (project.root / "study.yaml").write_text(yaml.safe_dump(config))
    cells = len(list(parse(config, "paper.yaml").cells()))
    assert f"learn {cells}" in " ".join(project.run("--dry-run", "--quiet", "rules").split())


LONGEST = 128 * 1024
"""Bytes that Linux takes as one argument, and a job's command is one of `bash -c`."""


def test_no_command_grows_with_the_study(new_project: Callable[..., Project]) -> None:
    """300 cells on one dataset and network, whose specs would be 150 KiB in one command."""
    variants = [{"slimming": {"penalty": (i + 1) * 1e-6}} for i in range(300)]
    project = new_project(methods=["dense", *variants], targets=["macs=0.5"])
    printed = project.run("--dry-run", "--printshellcmds", "--", "results/tiny/rows.csv").splitlines()
    assert sum("workflow.scripts.learn " in line for line in printed) == 301
    assert sum("workflow.scripts.measure " in line for line in printed) == 1
    assert max(len(line.encode()) for line in printed if "python -m" in line) < LONGEST / 4
