"""The switcher: an epoch within the window in which it is trained, against a dense epoch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from methods import switcher
from methods.core.api import Problem
from speed.conftest import Compare, Ratio
from speed.workloads import LENET5, ON_GPU, RESNET8, Workload

# The window is the whole budget. The step is short, since the gates are folded into the same network in every round.
# A run has 60 turns within 0.3 to 0.7 of its steps: on Fashion-MNIST with 10 epochs one in 28 steps, fewer in a longer
# run; on a fifth of CIFAR-10 one in 5 steps, which costs more. The rounds here have the density of the former. Each
# builds a switcher, which a run does once.
STEPS_PER_TURN = 28


@pytest.mark.parametrize(
    ("workload", "turns", "rounds"),
    [
        pytest.param(RESNET8, 12 if ON_GPU else 1, 5, id="resnet8"),
        pytest.param(LENET5, 12 if ON_GPU else 4, 7, id="lenet5"),
    ],
)
def test_window(workload: Workload, turns: int, rounds: int, tmp_path: Path, compare: Compare) -> None:
    workload = replace(workload, steps=turns * STEPS_PER_TURN)
    knobs = switcher.Knobs(lr=1e-4, begin=0.0, end=1.0, turns=turns)
    net = workload.net()
    trainer = workload.trainer(net, tmp_path, end=workload.steps)

    def window() -> None:
        trainer.budget.step = 0
        trainer.begin("learn", trainer.image_macs, "restart")
        switcher.learn(net, cast(Problem, trainer), knobs)

    runs = {"switcher": window, "dense": workload.ours(tmp_path)}
    compare(runs, [Ratio("switcher's epoch / dense epoch", "switcher", "dense", "<= 1.10")], rounds)
