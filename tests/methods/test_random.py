"""The random control: which channels go depends on the run's generator and on nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from benchmarks.training.trainer import Trainer
from methods import random
from tests.kinds import KINDS, settled


def choice(make_trainer: Callable[..., Trainer], seed: int, weights: int = 0) -> dict[str, list[bool]]:
    net = settled(KINDS["residual"](), weights)
    keep = random.learn(net, make_trainer(net, target=0.5, run=("tiny", "residual", seed)), random.Knobs())
    return {name: mask.tolist() for name, mask in keep.items()}


def test_the_seed_decides(make_trainer: Callable[..., Trainer]) -> None:
    assert choice(make_trainer, 0) == choice(make_trainer, 0)
    assert choice(make_trainer, 0) != choice(make_trainer, 1)


def test_the_weights_do_not(make_trainer: Callable[..., Trainer]) -> None:
    assert choice(make_trainer, 0, weights=0) == choice(make_trainer, 0, weights=1)


def test_neither_does_torchs_global_generator(make_trainer: Callable[..., Trainer]) -> None:
    one = choice(make_trainer, 0)
    torch.manual_seed(99)
    assert choice(make_trainer, 0) == one


def test_every_group_loses_about_the_same_share(make_trainer: Callable[..., Trainer]) -> None:
    shares = [sum(mask) / len(mask) for mask in choice(make_trainer, 3).values()]
    assert max(shares) - min(shares) == pytest.approx(0, abs=0.13)
    assert max(shares) < 0.9
