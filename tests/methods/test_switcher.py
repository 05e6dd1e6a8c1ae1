"""The switcher, whole: what it adds to its control is that it reads the weights, and that this is charged."""

from __future__ import annotations

from collections.abc import Callable

import torch

from benchmarks.problem import Trainer
from methods import switcher
from methods.core.switcher_net import Switcher
from tests.kinds import KINDS, settled


def run(make_trainer: Callable[..., Trainer], **knobs: float) -> tuple[dict[str, list[bool]], torch.nn.Module, Trainer]:
    net = settled(KINDS["residual"]())
    trainer = make_trainer(net, epochs=6, run=("tiny", "residual", 0))
    keep = switcher.learn(net, trainer, switcher.Knobs(**knobs))
    return {name: mask.tolist() for name, mask in keep.items()}, net, trainer


def test_spread_factors_turn_channels_off_and_equal_ones_none(make_trainer: Callable[..., Trainer]) -> None:
    assert not all(all(mask) for mask in run(make_trainer)[0].values())
    assert all(all(mask) for mask in run(make_trainer, gain=0.0)[0].values())


def test_learning_it_changes_the_factors(make_trainer: Callable[..., Trainer]) -> None:
    _, drawn, _ = run(make_trainer, lr=0.0)
    _, learned, _ = run(make_trainer, lr=0.5)
    assert not all(torch.equal(p, q) for p, q in zip(drawn.parameters(), learned.parameters(), strict=True))


def test_its_own_passes_are_charged(make_trainer: Callable[..., Trainer]) -> None:
    """18 steps: the window is the 7 from 5 to 12 and holds 2 periods of 3."""
    _, net, trainer = run(make_trainer)
    reader = Switcher(net, trainer.groups, torch.Generator())
    spent = trainer.spent["learn"]
    assert spent.macs - 3 * trainer.image_macs * 32 * spent.steps == 2 * 4 * reader.macs


def test_training_stops_at_the_windows_end(make_trainer: Callable[..., Trainer]) -> None:
    _, _, trainer = run(make_trainer, begin=0.25, end=0.5)
    assert trainer.step == 9
