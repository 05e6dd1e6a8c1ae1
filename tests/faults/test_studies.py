"""Studies through Snakemake itself: two at once, a folder that is read-only, files from the future, evil configs."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from benchmarks import train
from benchmarks.machine.files import try_lock
from benchmarks.schemas.spec import Spec
from benchmarks.training.checkpoint import Journal
from benchmarks.training.loop import Loops
from methods.core.api import Batch
from tests.benchmarks.test_train import Bench
from tests.workflow.conftest import TINY, Project, copied

SMALL = TINY | {"methods": ["switcher"], "targets": ["free"], "seeds": 1, "epochs": 4, "pretrain_epochs": 0}
ROWS = ("--", "results/tiny/rows.csv")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A small study, once through."""
    project = copied(tmp_path_factory.mktemp("project"), **SMALL)
    project.run(*ROWS)
    return project


def forget(project: Project) -> None:
    """Only what its seeds left in the scratch folder stays."""
    shutil.rmtree(project.root / "results/tiny/runs")
    for name in ("rows.csv", "runs.parquet", "correct.parquet"):
        (project.root / "results/tiny" / name).unlink()


def test_two_of_one_study_at_once(project: Project) -> None:
    """One is refused and touches nothing, the other ends as ever."""
    before = project.lasting()
    forget(project)
    both = [project.start(*ROWS) for _ in range(2)]
    printed = [process.communicate()[0] for process in both]
    refused = [text for process, text in zip(both, printed, strict=True) if process.returncode]
    assert len(refused) == 1, "\n".join(printed)
    assert "results/tiny is being written by another run of this study" in refused[0]
    assert "Traceback" not in refused[0]
    pd.testing.assert_frame_equal(project.lasting(), before)


def test_a_seed_is_held_while_it_is_trained(bench: Bench, spec: Spec, monkeypatch: pytest.MonkeyPatch) -> None:
    """A killed Snakemake leaves its job behind; the next one's must wait for it."""
    one, free = train.run_seed, []

    def watched(spec: Spec, inputs: Any, parts: Any, folder: Path, *rest: Any) -> Any:
        free.append(try_lock(folder.parent))
        return one(spec, inputs, parts, folder, *rest)

    monkeypatch.setattr(train, "run_seed", watched)
    bench.cell(spec)
    assert free == [False]


def test_no_kill_costs_more_than_an_epoch(bench: Bench, spec: Spec, monkeypatch: pytest.MonkeyPatch) -> None:
    """A save comes after every epoch of every loop."""
    some, write, since, most = Loops._to_epoch_end, Journal.write, 0, 0.0

    def counted(loops: Loops, part: str, left: int) -> Iterator[Batch]:
        nonlocal since, most
        for batch in some(loops, part, left):
            since += part == "train"
            most = max(most, since / loops.budget.epoch_steps)
            yield batch

    def saved(path: Path, state: Any) -> None:
        nonlocal since
        write(path, state)
        since = 0

    monkeypatch.setattr(Loops, "_to_epoch_end", counted)
    monkeypatch.setattr(Journal, "write", staticmethod(saved))
    bench.cell(spec)
    assert most == 1


def test_data_that_are_prepared_anew_are_never_away(project: Project) -> None:
    """Another study of the folder may be about to read them."""
    path, misses = project.root / "data/digits.safetensors", 0
    before = path.stat().st_ino
    process = project.start("--forcerun", "prepare", "--", "data/digits.safetensors")
    while process.poll() is None:
        misses += not path.exists()
        time.sleep(0.001)
    assert process.returncode == 0 and path.stat().st_ino != before and not misses


def test_files_from_the_future_change_no_row(project: Project) -> None:
    """The clock was a day ahead when they were written, and is set right; jobs are judged by times of files."""
    before = project.lasting()
    tomorrow = time.time() + 86_400
    for path in (project.root / "data").glob("digits.*"):
        os.utime(path, (tomorrow, tomorrow))
    project.run(*ROWS)
    pd.testing.assert_frame_equal(project.lasting(), before)


@pytest.fixture
def read_only(project: Project) -> Iterator[Path]:
    folder = project.root / "results"
    forget(project)
    for options in (["--bind", str(folder)], ["-o", "remount,bind,ro"]):
        done = subprocess.run(["mount", *options, str(folder)], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_results_that_cannot_be_written_to(project: Project, read_only: Path) -> None:
    printed = project.run(*ROWS, succeeds=False)
    assert "results/tiny cannot be written to: [Errno 30] Read-only file system" in printed
    assert "Traceback" not in printed and "Execute" not in printed


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (yaml.safe_dump(SMALL | {"study": "a'; touch ran; '"}), "study: String should match pattern"),
        (yaml.safe_dump(SMALL | {"datasets": ["$(touch ran)"]}), "unknown dataset '$(touch ran)'"),
        ("study: !!python/object/apply:os.system ['touch ran']", "is not valid JSON or YAML"),
        ("study: [", "is not valid JSON or YAML"),
    ],
)
def test_a_config_runs_nothing(project: Project, text: str, said: str) -> None:
    before = sorted(path for path in project.root.rglob("*") if ".snakemake" not in path.parts)
    (project.root / "study.yaml").write_text(text)
    printed = project.run(succeeds=False)
    project.configure(**SMALL)
    after = sorted(path for path in project.root.rglob("*") if ".snakemake" not in path.parts)
    assert said in printed
    assert [path for path in after if path not in before and "__pycache__" not in path.parts] == []


def test_a_folder_whose_name_is_a_command(tmp_path: Path) -> None:
    root = tmp_path / "a b'; touch ran; '$(touch ran)"
    root.mkdir()
    copied(root, **SMALL).run("--", "data/digits.safetensors")
    assert not list(tmp_path.rglob("ran"))
