"""Evaluation: the suite's function against the bare forward pass, which is the limit, and against the peers' loop."""

from __future__ import annotations

import pytest

from benchmarks.training.evaluate import evaluate
from speed import peer
from speed.conftest import Compare, Ratio
from speed.workloads import LENET5, RESNET20, Workload


@pytest.mark.parametrize(
    ("workload", "images", "target"),
    [pytest.param(RESNET20, 512, ">= 3.7", id="resnet20"), pytest.param(LENET5, 4096, ">= 10", id="lenet5")],
)
def test_evaluation(workload: Workload, images: int, target: str, compare: Compare) -> None:
    net, part = workload.net(), workload.part(images)
    runs = {
        "ours": lambda: evaluate(net, part),
        "peer": peer.evaluation(workload, images),
        "bare": workload.forward(images),
    }
    ratios = [
        Ratio("our speed / speed of the bare forward pass", "bare", "ours"),
        Ratio("our speed / speed of the peers' loop", "peer", "ours", target),
    ]
    compare(runs, ratios)
