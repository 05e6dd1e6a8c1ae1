"""Studies run through Snakemake itself, in a copy of the project that a test may change."""

from __future__ import annotations

import base64
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from benchmarks.machine.files import locked
from benchmarks.registry import ROOT
from benchmarks.schemas.rows import TIME_COLUMNS

PARTS = ("Snakefile", "environment.yml", "benchmarks", "config", "methods", "paper", "profiles", "tools", "workflow")
TINY: dict[str, Any] = {
    "study": "tiny",
    "datasets": ["digits"],
    "networks": ["lenet5"],
    "methods": ["dense", "l1", "switcher"],
    "targets": ["macs=0.5", "match:switcher"],
    "seeds": 2,
    "epochs": 8,
    "pretrain_epochs": 4,
}


@dataclass
class Project:
    """A copy of the project with one study."""

    root: Path

    def configure(self, **changes: Any) -> None:
        (self.root / "study.yaml").write_text(yaml.safe_dump(TINY | changes))

    def replace(self, name: str, old: str, new: str) -> None:
        """Edit a file of the project, in which the old text occurs."""
        text = (self.root / name).read_text()
        assert old in text
        (self.root / name).write_text(text.replace(old, new, 1))

    def command(self, *arguments: str) -> list[str]:
        """The command that a user types, for this study."""
        snakemake = Path(sys.executable).with_name("snakemake")
        return [str(snakemake), "--cores", "2", "--configfile", "study.yaml", *arguments]

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.root,
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def run(self, *arguments: str, succeeds: bool = True) -> str:
        """Run to the end; what it printed."""
        process = self.start(*arguments)
        printed, _ = process.communicate()
        assert (process.returncode == 0) == succeeds, printed
        return printed

    def planned(self) -> set[str]:
        """The messages of the jobs that a run would start now."""
        return set(re.findall(r"^Job \d+: (.*)$", self.run("-n"), flags=re.M))

    def rows(self) -> pd.DataFrame:
        return pd.read_csv(self.root / "results/tiny/rows.csv", dtype=str)

    def lasting(self) -> pd.DataFrame:
        """The columns that two runs must share to the byte."""
        return self.rows().drop(columns=list(TIME_COLUMNS))

    def records(self, cell: str) -> list[dict[str, Any]]:
        path = self.root / f"results/tiny/runs/digits/lenet5/{cell}/runs.json"
        return json.loads(path.read_text())  # type: ignore[no-any-return]


def copied(root: Path, **changes: Any) -> Project:
    """A copy of the project in an empty folder, with its study."""
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, root / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, root / part)
    project = Project(root)
    project.configure(**changes)
    return project


def payload(folder: Path) -> Any:
    """What the script of a study's page reads."""
    text = (folder / "index.html").read_text()
    packed = re.search(r'id="payload">(.*?)</script>', text, flags=re.S)[1]  # type: ignore[index]
    return json.loads(gzip.decompress(base64.b64decode(packed)))


@pytest.fixture(scope="session")
def new_project(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Project]:
    return lambda **changes: copied(tmp_path_factory.mktemp("project"), **changes)


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The tiny study, run once without trouble, for all workers. Tests that change it work on a copy."""
    base = tmp_path_factory.getbasetemp()  # of this worker, in that of all workers
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "undisturbed"
    with locked(folder):  # the first worker runs it, the others wait
        if not (folder / "done").exists():
            shutil.rmtree(folder / "project", ignore_errors=True)  # of a worker that failed
            (folder / "project").mkdir()
            copied(folder / "project").run()
            (folder / "done").touch()
    return Project(folder / "project")


@pytest.fixture
def finished(undisturbed: Project, tmp_path: Path) -> Project:
    """A copy of the finished study, file times included, that a test may change."""
    shutil.copytree(undisturbed.root, tmp_path / "project", copy_function=shutil.copy2)
    return Project(tmp_path / "project")
