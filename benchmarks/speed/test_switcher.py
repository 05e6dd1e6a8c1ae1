"""The switcher: an epoch in the window in which its factors are learned, against a dense epoch."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.speed.conftest import Compare, Ratio
from benchmarks.speed.workloads import LENET5, RESNET8, Workload
from methods import switcher

# The whole budget is window. The gain is small, as the factors are folded into the same network round after round.
KNOBS = switcher.Knobs(gain=1e-3, begin=0.0, end=1.0, turns=15)  # 60 turns in the 4 epochs that are the window of 10


@pytest.mark.parametrize(
    ("workload", "rounds"), [pytest.param(RESNET8, 5, id="resnet8"), pytest.param(LENET5, 11, id="lenet5")]
)
def test_window(workload: Workload, rounds: int, tmp_path: Path, compare: Compare) -> None:
    net = workload.net()
    trainer = workload.trainer(net, tmp_path, end=workload.steps)

    def window() -> None:
        trainer.step = 0
        trainer.begin("learn", trainer.image_macs, "restart")
        switcher.learn(net, trainer, KNOBS)

    runs = {"switcher": window, "dense": workload.ours(tmp_path)}
    compare(runs, [Ratio("switcher's epoch / dense epoch", "switcher", "dense", "<= 1.10")], rounds)
