"""How strong a penalty is in a run that is shorter than the paper's."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks.training.trainer import Trainer
from methods.core.penalty import reaching, rescaled
from tests.kinds import KINDS
from tests.methods.descent import steps_to_zero

MakeTrainer = Callable[..., Trainer]


@pytest.mark.parametrize("momentum", [0.0, 0.9, 0.99])
@pytest.mark.parametrize("start", [0.5, 1.0])
def test_a_parameter_without_a_gradient_is_at_zero_halfway(
    start: float, momentum: float, make_trainer: MakeTrainer
) -> None:
    trainer = make_trainer(KINDS["plain"](), epochs=60)
    penalty = reaching(1e-6, start, trainer, 60, lr=0.1, momentum=momentum)
    rates = [0.1 * trainer.budget.rate(step) for step in range(60 * trainer.epoch_steps)]
    assert steps_to_zero(start, penalty, rates, momentum) == pytest.approx(60 * trainer.epoch_steps / 2, rel=0.06)


def test_the_papers_penalty_is_never_lowered_and_none_stays_none(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(KINDS["plain"](), epochs=60)
    assert reaching(5.0, 1.0, trainer, 60) == 5.0
    assert reaching(0.0, 1.0, trainer, 60) == 0.0
    assert reaching(1e-4, 1.0, trainer, 0) == 1e-4


def test_penalty_times_rates_is_the_papers_whatever_the_budget(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(KINDS["plain"](), epochs=8)
    for epochs in (2, 8):
        rates = [trainer.budget.rate(step) * trainer.recipe.lr for step in range(epochs * trainer.epoch_steps)]
        assert rescaled(3e-4, 2000.0, trainer, epochs) * sum(rates) == pytest.approx(3e-4 * 2000.0)
