"""Killed at random moments, then the same command: the short form of `python -m tests.faults.campaign`."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from tests.faults.batches import Batch, repeats
from tests.faults.campaign import KINDS, kills, run

FEW, SEED = 3, 175  # whose first kills all come while a network is trained, and are of different kinds


def test_a_study_that_is_killed_again_and_again_ends_in_the_same_rows(tmp_path: Path) -> None:
    done = run(tmp_path, FEW, SEED, Console(quiet=True), methods=["switcher"])
    assert done.done.total() == FEW and done.studies >= 1


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
