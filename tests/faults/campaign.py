"""Kill a study at random moments, start it again by the same command, and look whether anything of it was lost.

python -m tests.faults.campaign --kills 200 --seed 0

A kill is a signal to Snakemake, to one of its jobs, or to all of them as by Ctrl-C in a terminal; its moment is after
so many more training batches, or so many seconds. A study is killed until it comes to its end; then its rows must be
those of an undisturbed run, byte for byte but for the columns that hold times, and no kill may have cost more than an
epoch (tests/faults/batches.py). Then the next study begins, from nothing.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tests.faults.batches import LOG, count_batches, read, repeats
from tests.workflow.conftest import TINY, Project, copied

STUDY = TINY | {"methods": ["dense", "switcher"], "targets": ["free"], "seeds": 1, "epochs": 6, "pretrain_epochs": 3}
KINDS = list(product(("snakemake", "job", "all"), (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)))
PATIENCE = 1800  # seconds after which a study that has been started counts as hanging


@dataclass(frozen=True)
class Kill:
    victim: str
    signal: signal.Signals
    after: float  # fraction of the study's training batches, or of the time of the undisturbed run
    by_batches: bool


def kills(seed: int) -> Iterator[Kill]:
    """Every victim and signal in every nine, in random order; two moments of three are taken by training batches."""
    rng = random.Random(seed)
    while True:
        for victim, sent in rng.sample(KINDS, len(KINDS)):
            yield Kill(victim, sent, rng.random(), rng.random() < 2 / 3)


@dataclass
class Campaign:
    """One study, in a copy of the project that counts its batches."""

    project: Project
    seconds: float = 0.0  # of the undisturbed run
    done: Counter[str] = field(default_factory=Counter)
    again: list[float] = field(default_factory=list)
    studies: int = 0
    process: subprocess.Popen[bytes] | None = None  # the last one that was started

    def run_undisturbed(self) -> None:
        count_batches(self.project.root)
        began = time.monotonic()
        self._finish(self._start())
        self.seconds = time.monotonic() - began
        self.rows, self.batches = self.project.lasting(), read(self.project.root)
        assert set(self.rows["status"]) == {"ok"}, "the study itself does not run"
        self._clear()

    def strike(self, kill: Kill) -> bool:
        """Start the study and kill it; False if it came to its end before."""
        process = self._start()
        began, trained = time.monotonic(), self._trained()
        left = max(0, len(self.batches) - trained)
        seconds = self.seconds * (1 + left / len(self.batches)) / 2  # what is left is sooner done
        while process.poll() is None:
            if kill.by_batches:  # where all are trained, the study comes to its end
                come = left > 0 and self._trained() - trained > kill.after * left
            else:
                come = time.monotonic() - began > kill.after * seconds or self._gathers()
            if come:
                break
            time.sleep(0.002)
        struck = process.poll() is None and self._send(kill, process)
        self._finish(process, must_succeed=not struck)
        if struck:
            self.done[f"{kill.signal.name} to {kill.victim}"] += 1
        return struck

    def check(self) -> None:
        """The study has come to its end: is it the undisturbed one?"""
        end = time.monotonic() + PATIENCE
        while self.jobs() and time.monotonic() < end:
            time.sleep(0.1)  # orphans of a killed Snakemake
        pd.testing.assert_frame_equal(self.project.lasting(), self.rows)
        self.again += repeats(read(self.project.root), self.batches)
        self.studies += 1
        self._clear()

    def end_study(self) -> None:
        """Let it come to its end."""
        self._finish(self._start())
        self.check()

    def jobs(self) -> list[int]:
        """Python processes of the workflow's scripts that work in this copy."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                words = (folder / "cmdline").read_text().split("\0")
                if words[1:2] == ["-m"] and words[2].startswith("workflow.scripts."):
                    found += [int(folder.name)] if (folder / "cwd").resolve() == self.project.root else []
            except OSError:
                continue  # it ended meanwhile
        return found

    def stop(self) -> None:
        """Leave no process behind, whatever happened."""
        for pid in ([self.process.pid] if self.process and self.process.poll() is None else []) + self.jobs():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _start(self) -> subprocess.Popen[bytes]:
        command = self.project.command("--", f"results/{STUDY['study']}/rows.csv")
        with (self.project.root / "printed.log").open("wb") as printed:
            self.process = subprocess.Popen(
                command, cwd=self.project.root, env=self.project.environment, stdout=printed, stderr=printed,
                start_new_session=True, preexec_fn=_hear_interrupts,
            )  # fmt: skip
        return self.process

    def _send(self, kill: Kill, process: subprocess.Popen[bytes]) -> bool:
        """Whether there was still something to kill. Where no job runs, Snakemake is the victim."""
        jobs = self.jobs() if kill.victim == "job" else []
        try:
            if kill.victim == "all":
                os.killpg(process.pid, kill.signal)
            else:
                os.kill(jobs[0] if jobs else process.pid, kill.signal)
        except ProcessLookupError:
            return False
        return True

    def _finish(self, process: subprocess.Popen[bytes], must_succeed: bool = True) -> None:
        try:
            code = process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise AssertionError("the study hangs") from None
        if must_succeed:
            assert code == 0, (self.project.root / "printed.log").read_text()

    def _trained(self) -> int:
        path = self.project.root / LOG
        return path.read_bytes().count(b"\n") if path.exists() else 0

    def _gathers(self) -> bool:
        """The last job has begun: a slow machine was faster than it was before."""
        return b"gathering the rows" in (self.project.root / "printed.log").read_bytes()

    def _clear(self) -> None:
        for left in ("results", "data", ".snakemake"):
            shutil.rmtree(self.project.root / left, ignore_errors=True)
        (self.project.root / LOG).unlink(missing_ok=True)


def _hear_interrupts() -> None:
    """What a shell starts in the background ignores SIGINT, and so would all that is started from there."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def run(root: Path, count: int, seed: int, console: Console, minutes: float = math.inf, **changes: Any) -> Campaign:
    """A campaign of so many kills, or as many as there is time for, with changes to its study.

    Raises AssertionError where something was lost.
    """
    campaign = Campaign(copied(root.resolve(), **STUDY | changes))
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    try:
        with Progress(*columns, console=console) as progress:
            shown = progress.add_task("undisturbed", total=count)
            campaign.run_undisturbed()
            end = time.monotonic() + 60 * minutes
            for kill in kills(seed):
                if campaign.done.total() >= count or time.monotonic() > end:
                    break
                name = f"{kill.signal.name} to {kill.victim}"
                progress.update(shown, description=f"study {campaign.studies + 1}, {name}")
                if campaign.strike(kill):
                    progress.advance(shown)
                else:
                    campaign.check()
            progress.update(shown, description="to the end")
            campaign.end_study()
    finally:
        campaign.stop()
    return campaign


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=math.inf, help="begin no further kill after so long")
    args = parser.parse_args()
    console = Console()
    with tempfile.TemporaryDirectory(prefix="espalier-faults-") as folder:
        done = run(Path(folder), args.kills, args.seed, console, args.minutes)
    for name, count in sorted(done.done.items()):
        console.print(f"{count:5} {name}")
    again = f"{max(done.again, default=0):.2f} epochs trained again at most, {sum(done.again):.2f} in all"
    same = f"{done.studies} studies with the {len(done.rows)} rows of an undisturbed one"
    console.print(f"{done.done.total()} kills, seed {args.seed}: {same}; {len(done.again)} runs resumed, {again}")


if __name__ == "__main__":
    main()
