"""Which batches were trained, by whom: counted as they are handed out, so that no kill can hide one.

Epochs that were closed stand in the logs; what was begun and lost stands nowhere. In a copy of the
project the training loops write a line for every training batch before it is used. A line that occurs twice is work
done again.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

LOG = "batches.log"
APPENDED = f'''

import os as _os  # from here on: tests/faults/batches.py, in this copy alone

_LOG = _os.open("{LOG}", _os.O_WRONLY | _os.O_APPEND | _os.O_CREAT)
_PROCESS = _os.urandom(6).hex()
_uncounted = Loops._to_epoch_end


def _counted(self, part, most):
    for batch in _uncounted(self, part, most):
        if part == "train":
            line = (self.journal.folder, _PROCESS, self.journal.loops, self.budget.step, self.budget.epoch_steps)
            _os.write(_LOG, ("\\t".join(map(str, line)) + "\\n").encode())
        yield batch


Loops._to_epoch_end = _counted
'''


def count_batches(root: Path) -> None:
    """Let the loops of this copy of the project write `LOG`."""
    with (root / "benchmarks/training/loop.py").open("a") as file:
        file.write(APPENDED)


@dataclass(frozen=True)
class Batch:
    run: str  # its journal: one for every cell and seed
    process: str
    loop: int
    step: int
    epoch_steps: int


def read(root: Path) -> list[Batch]:
    """In the order in which they were handed out."""
    path = root / LOG
    lines = [line.split("\t") for line in path.read_text().splitlines()] if path.exists() else []
    return [Batch(run, process, *map(int, rest)) for run, process, *rest in lines]


def repeats(batches: list[Batch], whole: list[Batch]) -> list[float]:
    """The epochs that each process, but for the first of a run, trained again.

    Raises AssertionError where one trained more than an epoch again, where two trained one run at a time, or where the
    batches of a run are not those of `whole`, a study without trouble.
    """
    expected = {run: {(b.loop, b.step) for b in own} for run, own in by_run(whole).items()}
    found = by_run(batches)
    assert found.keys() == expected.keys(), f"other runs: {sorted(found.keys() ^ expected.keys())}"
    again = []
    for run, own in found.items():
        seen: set[tuple[int, int]] = set()
        turns = [(process, list(part)) for process, part in groupby(own, key=lambda batch: batch.process)]
        assert len(turns) == len(dict(turns)), f"{run}: two processes trained it at a time"
        for i, (_, part) in enumerate(turns):
            now = [(batch.loop, batch.step) for batch in part]
            assert len(now) == len(set(now)), f"{run}: a process trained a batch twice"
            epochs = len(seen & set(now)) / part[0].epoch_steps
            assert epochs <= 1, f"{run}: {epochs:.2f} epochs were trained again"
            again += [epochs] if i else []
            seen |= set(now)
        assert seen == expected[run], f"{run}: {len(seen ^ expected[run])} batches are not those of the whole run"
    return again


def by_run(batches: list[Batch]) -> dict[str, list[Batch]]:
    found: dict[str, list[Batch]] = defaultdict(list)
    for batch in batches:
        found[batch.run].append(batch)
    return dict(found)
