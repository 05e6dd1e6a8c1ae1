"""Training: the suite's trainer against the bare step, which is the limit, and against the loop that peers write."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.speed import peer
from benchmarks.speed.conftest import Compare, Ratio
from benchmarks.speed.workloads import LENET5, RESNET20, Workload


@pytest.mark.parametrize(
    ("workload", "rounds", "target"),
    [pytest.param(RESNET20, 5, ">= 0.95", id="resnet20"), pytest.param(LENET5, 11, ">= 0.92", id="lenet5")],
)
def test_training(workload: Workload, rounds: int, target: str, tmp_path: Path, compare: Compare) -> None:
    runs = {
        "ours": workload.ours(tmp_path),
        "peer": peer.training(workload),
        "loader": workload.loader(),
        "bare": workload.bare(tmp_path),  # last of the round, so that nothing comes between it and ours
    }
    ratios = [
        Ratio("our speed / speed of the bare step", "bare", "ours", target),
        Ratio("our speed / speed of the peers' loop", "peer", "ours"),
        Ratio("our loader's time / time of the bare step", "loader", "bare"),
    ]
    compare(runs, ratios, rounds)
