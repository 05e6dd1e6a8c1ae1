"""Killed at random moments, then the same command: the short form of `python -m tests.faults.campaign`."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.machine.files import try_lock
from benchmarks.registry import ROOT
from tests.faults.batches import Batch, repeats
from tests.faults.campaign import KINDS, kills, run

FEW, SEED = 3, 175  # whose first kills all come while a network is trained, and are of different kinds


def test_a_study_that_is_killed_again_and_again_ends_in_the_same_rows(tmp_path: Path) -> None:
    done = run(tmp_path, FEW, SEED, Console(quiet=True), methods=["switcher"])
    assert done.done.total() == FEW and done.studies >= 1


def started(code: str, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", code, *arguments], cwd=ROOT, stdout=subprocess.PIPE)


DIES_HALFWAY = """
import resource, signal, sys
from pathlib import Path
from benchmarks.machine import files

signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))
getattr(files, sys.argv[1])(Path(sys.argv[2]), bytes(2048))
"""


@pytest.mark.parametrize("write", ["write_sealed", "write_atomically"])
def test_a_kill_in_the_midst_of_a_write_leaves_the_old_file(tmp_path: Path, write: str) -> None:
    """The signal comes when half of the bytes are written."""
    path = tmp_path / "loop-0001"
    path.write_bytes(b"old")
    assert started(DIES_HALFWAY, write, str(path)).wait() == -signal.SIGXFSZ
    assert path.read_bytes() == b"old"


HOLDS = """
import sys, time
from pathlib import Path
from benchmarks.machine.files import try_lock

print(try_lock(Path(sys.argv[1])), flush=True)
time.sleep(600)
"""


def test_a_lock_is_free_once_its_holder_is_killed(tmp_path: Path) -> None:
    with started(HOLDS, str(tmp_path)) as holder:
        assert holder.stdout and holder.stdout.readline() == b"True\n"
        refused = not try_lock(tmp_path)
        holder.kill()
    assert refused and try_lock(tmp_path)


def test_a_campaign_is_the_same_for_the_same_seed_and_leaves_no_kind_of_kill_out() -> None:
    first, again, other = ([kill for kill, _ in zip(kills(seed), KINDS, strict=False)] for seed in (0, 0, 1))
    assert first == again != other
    assert {(kill.victim, kill.signal) for kill in first} == set(KINDS)


def trained(*turns: tuple[str, range]) -> list[Batch]:
    """Batches of one run of 4 steps an epoch, by these processes."""
    return [Batch("run", process, 1, step, 4) for process, steps in turns for step in steps]


WHOLE = trained(("a", range(12)))


def test_what_was_trained_again_is_counted_in_epochs() -> None:
    assert repeats(WHOLE, WHOLE) == []
    assert repeats(trained(("a", range(6)), ("b", range(4, 12))), WHOLE) == [0.5]
    assert repeats(trained(("a", range(4)), ("b", range(8)), ("c", range(8, 12))), WHOLE) == [1, 0]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (trained(("a", range(9)), ("b", range(4, 12))), r"1\.25 epochs were trained again"),
        (trained(("a", range(12)), ("b", range(12))), "3.00 epochs"),
        (trained(("a", range(4)), ("b", range(5, 12))), "1 batches are not those of the whole run"),
        (trained(("a", range(6)), ("b", range(6)), ("a", range(6, 12))), "two processes trained it at a time"),
        ([], "other runs"),
    ],
)
def test_a_loss_is_found(found: list[Batch], said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        repeats(found, WHOLE)
