"""Training: the suite's trainer against the bare step, which is the limit, and against the peers' loop."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.machine import graphs
from benchmarks.machine.device import precision
from speed import peer
from speed.conftest import Compare, Ratio
from speed.workloads import DEVICE, LENET5, ON_GPU, RESNET8, RESNET20, Workload

NATIVE = precision("auto", DEVICE) == "bfloat16"


@pytest.mark.parametrize(
    ("workload", "rounds", "limit", "gain"),
    [
        pytest.param(RESNET20, 5, ">= 0.95", ">= 3.3", id="resnet20"),
        pytest.param(RESNET8, 5, ">= 0.95", "", id="resnet8"),
        pytest.param(LENET5, 11, ">= 0.92", ">= 3.4", id="lenet5"),
    ],
)
def test_training(workload: Workload, rounds: int, limit: str, gain: str, tmp_path: Path, compare: Compare) -> None:
    runs = {
        "ours": workload.ours(tmp_path),
        "peer": peer.training(workload),
        "loader": workload.loader(),
        "bare in bfloat16": workload.bare(tmp_path, "bfloat16"),
        "bfloat16": workload.ours(tmp_path, "bfloat16"),
        "bare": workload.bare(tmp_path),  # last of the round, so that no other run separates it from ours
    }
    ratios = [
        Ratio("our speed / speed of the bare step", "bare", "ours", limit),
        Ratio("our speed / speed of the peers' loop", "peer", "ours", gain),
        Ratio(
            "our speed in bfloat16 / speed of its bare step", "bare in bfloat16", "bfloat16", limit if NATIVE else ""
        ),
        Ratio("our speed in bfloat16 / speed of the peers' loop", "peer", "bfloat16"),
        Ratio("our loader's time / time of the bare step", "loader", "bare", "<= 0.02" if workload is RESNET20 else ""),
    ]
    compare(runs, ratios, rounds)


@pytest.mark.skipif(not ON_GPU, reason="no GPU that torch can use")
@pytest.mark.parametrize(
    "workload",
    [pytest.param(RESNET20, id="resnet20"), pytest.param(RESNET8, id="resnet8"), pytest.param(LENET5, id="lenet5")],
)
def test_capture(workload: Workload, tmp_path: Path, compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    """In bfloat16: an epoch of `fit`; the same with graphs off; and the replays alone, on one fixed batch."""
    fit = workload.ours(tmp_path, "bfloat16")

    def eager() -> None:
        with monkeypatch.context() as patched:
            patched.setattr(graphs, "EAGER", 10**9)
            fit()

    runs = {
        "fit": fit,
        "eager": eager,
        "replays": workload.bare(tmp_path, "bfloat16", graph=True),
        "loader": workload.loader(),
    }
    ratios = [
        Ratio("speed of fit / speed of fit without graphs", "eager", "fit", ">= 3"),
        Ratio("speed of fit / speed of the replays alone", "replays", "fit", ">= 0.9"),
        Ratio("our loader's time / time of the replays alone", "loader", "replays", "<= 0.02"),
    ]
    compare(runs, ratios)
