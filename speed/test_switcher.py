"""The switcher: an epoch in the window in which its factors are learned, against a dense epoch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from methods import switcher
from speed.conftest import Compare, Ratio
from speed.workloads import LENET5, RESNET8, Workload

# The whole budget is window. The gain is small, as the factors are folded into the same network round after round.
# A run has 60 turns in the window of 0.3 to 0.7 of its steps: on Fashion-MNIST at 10 epochs one in 28 steps, and in a
# longer one fewer. The rounds here are as dense. Each builds a switcher of its own, which a run does once.
STEPS_PER_TURN = 28


@pytest.mark.parametrize(
    ("workload", "turns", "rounds"),
    [pytest.param(RESNET8, 1, 5, id="resnet8"), pytest.param(LENET5, 4, 7, id="lenet5")],
)
def test_window(workload: Workload, turns: int, rounds: int, tmp_path: Path, compare: Compare) -> None:
    workload = replace(workload, steps=turns * STEPS_PER_TURN)
    knobs = switcher.Knobs(gain=1e-3, begin=0.0, end=1.0, turns=turns)
    net = workload.net()
    trainer = workload.trainer(net, tmp_path, end=workload.steps)

    def window() -> None:
        trainer.step = 0
        trainer.begin("learn", trainer.image_macs, "restart")
        switcher.learn(net, trainer, knobs)

    runs = {"switcher": window, "dense": workload.ours(tmp_path)}
    compare(runs, [Ratio("switcher's epoch / dense epoch", "switcher", "dense", "<= 1.10")], rounds)
