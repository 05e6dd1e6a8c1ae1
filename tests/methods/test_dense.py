"""The dense baseline: one uninterrupted run, wherever it is cut."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from benchmarks.training.trainer import Trainer
from methods import dense
from tests.kinds import KINDS, settled

RUN = ("tiny", "residual", 0)


def test_every_channel_stays(make_trainer: Callable[..., Trainer], kind: str) -> None:
    net = KINDS[kind]()
    trainer = make_trainer(net)
    keep = dense.learn(net, trainer, dense.Knobs())
    assert all(mask.all() for mask in keep.values())
    assert trainer.step == 0, "its training is the fine-tuning that every run ends with"


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_split_at_a_start_it_is_one_run_to_the_bit(make_trainer: Callable[..., Trainer], cut: int) -> None:
    whole, first, second = (settled(KINDS["residual"](), seed) for seed in (0, 0, 1))
    make_trainer(whole, run=RUN).fit(whole, 4)

    start = make_trainer(first, run=RUN)
    start.begin("pretrain", start.image_macs, "continue")
    start.fit(first, cut)
    second.load_state_dict(first.state_dict())
    rest = make_trainer(second, run=RUN)
    rest.resume(start.momentum, start.spent)
    rest.begin("finetune", rest.image_macs, "continue")
    rest.fit(second, rest.epochs)

    assert all(torch.equal(tensor, second.state_dict()[name]) for name, tensor in whole.state_dict().items())
    assert {phase: cost.steps for phase, cost in rest.spent.items()} == {"pretrain": 3 * cut, "finetune": 12 - 3 * cut}


def test_without_the_momentum_it_would_not_be(make_trainer: Callable[..., Trainer]) -> None:
    """What the test above rests on is not vacuous."""
    whole, cut = settled(KINDS["residual"]()), settled(KINDS["residual"]())
    make_trainer(whole, run=RUN).fit(whole, 4)
    trainer = make_trainer(cut, run=RUN)
    trainer.fit(cut, 2)
    trainer.momentum = {}
    trainer.fit(cut, 2)
    assert not all(torch.equal(p, q) for p, q in zip(whole.parameters(), cut.parameters(), strict=True))


def test_another_learning_rate_trains_other_weights(make_trainer: Callable[..., Trainer]) -> None:
    nets = {}
    for lr in (0.01, 0.1):
        nets[lr] = settled(KINDS["residual"]())
        trainer = make_trainer(nets[lr], run=RUN)
        dense.learn(nets[lr], trainer, dense.Knobs(lr=lr))
        assert trainer.step == trainer.budget.end
    start = settled(KINDS["residual"]())
    moved = {
        lr: sum((p - q).abs().sum() for p, q in zip(n.parameters(), start.parameters(), strict=True))
        for lr, n in nets.items()
    }
    assert moved[0.1] > 2 * moved[0.01] > 0
