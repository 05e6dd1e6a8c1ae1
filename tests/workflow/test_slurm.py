"""A study on a real Slurm, by profiles/slurm: the rows of a local run, whatever happens to jobs and nodes."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from benchmarks.schemas.rows import TIME_COLUMNS
from tests.workflow import slurm
from tests.workflow.conftest import Project
from tests.workflow.slurm import Slurm, wait_for

pytestmark = pytest.mark.skipif(bool(slurm.missing()), reason=slurm.missing())
SMALL = {"methods": ["dense", "l1"], "targets": ["macs=0.5"], "seeds": 1}
ROWS = "results/tiny/rows.csv"
CELL = "results/tiny/runs/digits/lenet5/{}/runs.json"
# Fails once, when it has recorded what it was given. The tests' copy of a method may see paths; a real one may not.
FLAKY = """
import os
from pathlib import Path
with Path("given").open("a") as file:
    file.write(f"{os.environ['SLURM_JOB_ID']} {os.environ.get('CUDA_VISIBLE_DEVICES')}\\n")
if len(Path("given").read_text().splitlines()) == 1:
    raise SystemExit("once")
"""


class OnCluster(Project):
    """The same project, with the profile in place of cores. The first look at a job comes soon: these are short."""

    def command(self, *arguments: str) -> list[str]:
        snakemake, _, _, *rest = super().command()
        quick = ["--slurm-init-seconds-before-status-checks", "3", "--latency-wait", "5"]
        return [snakemake, "--workflow-profile", "profiles/slurm", *rest, *quick, *arguments]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    cluster = Slurm(tmp_path_factory.mktemp("slurm"))
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
def project(cluster: Slurm, new_project: Callable[..., Project]) -> Callable[..., OnCluster]:
    return lambda **changes: OnCluster(new_project(**SMALL | changes).root)


def lasting(record: dict[str, Any]) -> dict[str, Any]:
    """What two runs of a seed must share; `spent` and `history` hold seconds."""
    return {name: value for name, value in record.items() if name not in (*TIME_COLUMNS, "spent", "history")}


def numbers(project: Project) -> pd.DataFrame:
    """The lasting columns of its rows, but for the number of runs that the study plans.

    4 and 4.0 are one number: how it is written rests on the other rows.
    """
    return pd.read_csv(project.root / ROWS).drop(columns=[*TIME_COLUMNS, "planned"])


def saved(project: Project) -> set[tuple[Path, int]]:
    """What unfinished runs have saved so far, and when."""
    found = set()
    for path in (project.root / "results/tiny/scratch").glob("digits/lenet5/*/*/journal/loop-*"):
        with suppress(FileNotFoundError):  # the run has finished meanwhile
            found.add((path, path.stat().st_mtime_ns))
    return found


def training(cluster: Slurm, project: Project, process: subprocess.Popen[str]) -> str:
    """The Slurm job that trains, once it has an epoch behind it."""
    before = saved(project)
    wait_for(lambda: saved(project) - before or process.poll() is not None, "a job's first epoch", 600)
    assert process.poll() is None, process.communicate()[0]
    (job,) = cluster.jobs("-t", "running")
    return job


def test_rows_are_those_of_a_local_run_though_a_cell_fails_once(
    cluster: Slurm, undisturbed: Project, project: Callable[..., OnCluster]
) -> None:
    ours = project()
    method = ours.root / "methods/flaky.py"
    method.write_text((ours.root / "methods/l1.py").read_text() + FLAKY)
    ours.configure(**SMALL | {"methods": ["dense", "l1", {"flaky": {"ranking": "global"}}]})
    printed = ours.run("--", ROWS)
    assert "Trying to restart job" in printed
    given = (ours.root / "given").read_text().splitlines()  # measuring reads the method once more
    (first, device), (second, same) = (line.split() for line in given[:2])
    assert device == same == "0", "not the GPU that was asked for"
    had, got = (cluster.shown(job) for job in (first, second))
    assert int(got["MinMemoryNode"].rstrip("M")) == 2 * int(had["MinMemoryNode"].rstrip("M"))
    assert got["TimeLimit"] > had["TimeLimit"]

    local = numbers(undisturbed).query("method in ('dense', 'l1') and target in ('free', 'macs=0.5') and seed == 0")
    rows = numbers(ours).set_index("method", drop=False)
    assert rows.status["flaky,ranking=global"] == "ok"
    here = rows.loc[["dense", "l1"]].reset_index(drop=True)
    pd.testing.assert_frame_equal(here, local.reset_index(drop=True), check_dtype=False)


def test_a_cancelled_job_and_then_a_lost_node_cost_nothing(
    cluster: Slurm, undisturbed: Project, project: Callable[..., OnCluster]
) -> None:
    ours = project()
    target = ("--", CELL.format("dense@free"))
    process = ours.start("--retries", "0", *target)
    Slurm.ask("scancel", training(cluster, ours, process))
    printed, _ = process.communicate()
    assert process.returncode != 0 and "SLURM status is: 'CANCELLED'" in printed

    process = ours.start(*target)
    job = training(cluster, ours, process)
    node = cluster.shown(job)["NodeList"]
    cluster.lose_node(node)
    Slurm.ask("scontrol", "update", f"jobid={job}", "starttime=now")  # Slurm would let two minutes pass
    printed, _ = process.communicate()
    cluster.start_node(node)
    assert process.returncode == 0, printed
    after = cluster.shown(job)
    assert (after["NodeList"], after["Restarts"]) == (next(other for other in slurm.NODES if other != node), "1")
    (record,), (local, _) = ours.records("dense@free"), undisturbed.records("dense@free")
    assert lasting(record) == lasting(local)
