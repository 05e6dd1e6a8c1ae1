"""Kill -9 at any moment, then the same command: the rows of an undisturbed run, to the byte."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd

from tests.workflow.conftest import Project


def journals(project: Project) -> Iterator[Path]:
    """What unfinished runs have saved so far."""
    yield from (project.root / "results/tiny/scratch").glob("digits/lenet5/*/*/journal/loop-*")


def wait_for(found: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < end, "the study never came so far"
        time.sleep(0.002)


def test_killed_runs_go_on_to_the_same_rows(undisturbed: Project, new_project: Callable[..., Project]) -> None:
    project = new_project()
    process = project.start()
    wait_for(lambda: any(journals(project)))
    os.killpg(process.pid, signal.SIGKILL)  # Snakemake and its jobs, in the middle of the shared start
    process.wait()
    assert any(journals(project)), "killed too late: nothing was left to take up"

    process = project.start()
    wait_for(lambda: any("switcher" in str(path) for path in journals(project)))
    process.kill()  # Snakemake alone: its jobs go on as orphans, and the next run must not collide with them
    process.wait()

    project.run()
    pd.testing.assert_frame_equal(project.lasting(), undisturbed.lasting())


def test_a_killed_job_fails_alone_and_is_taken_up(undisturbed: Project, new_project: Callable[..., Project]) -> None:
    project = new_project()
    process = project.start()
    wait_for(lambda: any("switcher" in str(path) for path in journals(project)))
    for job in jobs_of(project, "workflow.scripts.learn"):
        os.kill(job, signal.SIGKILL)
    process.communicate()
    assert process.returncode != 0
    project.run()
    pd.testing.assert_frame_equal(project.lasting(), undisturbed.lasting())


def jobs_of(project: Project, script: str) -> list[int]:
    """Processes of a script that work in the project's folder."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if script in (folder / "cmdline").read_text() and (folder / "cwd").resolve() == project.root.resolve():
                found.append(int(folder.name))
        except OSError:
            continue  # it ended meanwhile
    return found
