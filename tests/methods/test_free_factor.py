"""The switcher's control: factors that are parameters of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from benchmarks.training.trainer import Trainer
from methods import free_factor, switcher
from methods.core.switching.readings import UNFORCED
from tests.kinds import KINDS, settled


def run(make_trainer: Callable[..., Trainer], **knobs: Any) -> tuple[dict[str, list[bool]], torch.nn.Module, Trainer]:
    net = settled(KINDS["residual"]())
    trainer = make_trainer(net, epochs=6, run=("tiny", "residual", 0))
    keep = free_factor.learn(net, trainer, free_factor.Knobs(**knobs))
    return {name: mask.tolist() for name, mask in keep.items()}, net, trainer


def test_a_forced_spread_turns_channels_off_and_none_does_not(make_trainer: Callable[..., Trainer]) -> None:
    assert not all(all(mask) for mask in run(make_trainer, reading="forced")[0].values())
    assert all(all(mask) for mask in run(make_trainer, reading="forced", gain=0.0)[0].values())


@pytest.mark.parametrize("name", UNFORCED)
def test_an_unforced_reading_removes_nothing_without_a_signal(name: str, make_trainer: Callable[..., Trainer]) -> None:
    assert all(all(mask) for mask in run(make_trainer, reading=name, signal="none", lr=5.0)[0].values())


def test_long_steps_of_the_default_turn_channels_off(make_trainer: Callable[..., Trainer]) -> None:
    assert not all(all(mask) for mask in run(make_trainer, lr=5.0)[0].values())


@pytest.mark.decides
def test_learning_the_factors_changes_them(make_trainer: Callable[..., Trainer]) -> None:
    """At a learning rate of 0 they keep the ranks that they were drawn with."""
    _, drawn, _ = run(make_trainer, lr=0.0)
    _, learned, _ = run(make_trainer, lr=5.0)
    assert not all(torch.equal(p, q) for p, q in zip(drawn.parameters(), learned.parameters(), strict=True))


def test_its_factors_cost_nothing_to_compute(make_trainer: Callable[..., Trainer]) -> None:
    _, _, trainer = run(make_trainer)
    assert trainer.spent["learn"].macs == 3 * trainer.image_macs * 32 * trainer.spent["learn"].steps


def test_it_has_the_switchers_schedule() -> None:
    """Whatever the two differ by is the reading of weights; the length of a step is tuned for each."""
    ours, theirs = vars(free_factor.Knobs()), vars(switcher.Knobs())
    assert all(ours[knob] == theirs[knob] for knob in set(ours) - {"lr"})
    assert set(ours) - set(theirs) == set()
    assert (free_factor.START, free_factor.TARGETS) == (switcher.START, switcher.TARGETS)
