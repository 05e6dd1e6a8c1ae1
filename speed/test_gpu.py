"""On a GPU: the captured step against the eager one, and jobs side by side against jobs in turn. In bfloat16."""

from __future__ import annotations

import time
from multiprocessing.synchronize import Barrier
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import torch
from torch import multiprocessing

from speed.conftest import Compare, Ratio
from speed.workloads import LENET5, ON_GPU, RESNET8, RESNET20, Workload

pytestmark = pytest.mark.skipif(not ON_GPU, reason="no GPU that torch can use")
WORKLOADS = [pytest.param(RESNET20, id="resnet20"), pytest.param(RESNET8, id="resnet8")]
SLOTS = (5, 15)


@pytest.mark.parametrize("workload", [*WORKLOADS, pytest.param(LENET5, id="lenet5")])
def test_capture(workload: Workload, tmp_path: Path, compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    """An epoch of `fit`; the same with graphs off; and the replays alone, on one fixed batch."""
    from benchmarks.machine import graphs

    fit = workload.ours(tmp_path, "bfloat16")

    def eager() -> None:
        with monkeypatch.context() as patched:
            patched.setattr(graphs, "EAGER", 10**9)
            fit()

    runs = {"fit": fit, "eager": eager, "replays": workload.replays(tmp_path), "loader": workload.loader()}
    ratios = [
        Ratio("speed of fit / speed of fit without graphs", "eager", "fit", ">= 3"),
        Ratio("speed of fit / speed of the replays alone", "replays", "fit", ">= 0.9"),
        Ratio("our loader's time / time of the replays alone", "loader", "replays", "<= 0.02"),
    ]
    compare(runs, ratios)


@pytest.mark.parametrize("workload", WORKLOADS)
def test_slots(workload: Workload, compare: Compare) -> None:
    """An epoch in each of several processes at once, against one after another."""
    alone = _seconds(workload, 1)
    gains = {f"{n} jobs in turn / side by side": (n * alone / _seconds(workload, n), ">= 3") for n in SLOTS}
    compare({"nothing": lambda: None}, [], rounds=1, exact=gains)


def _seconds(workload: Workload, jobs: int) -> float:
    """Until every job has done an epoch; starting a process and its first epoch do not count."""
    context = multiprocessing.get_context("spawn")
    begin, end = context.Barrier(jobs + 1), context.Barrier(jobs + 1)
    processes = [context.Process(target=_job, args=(workload, begin, end), daemon=True) for _ in range(jobs)]
    for process in processes:
        process.start()
    begin.wait(120)
    start = time.perf_counter()
    end.wait(120)
    return time.perf_counter() - start


def _job(workload: Workload, begin: Barrier, end: Barrier) -> None:
    with TemporaryDirectory() as folder:
        epoch = workload.ours(Path(folder), "bfloat16")
        epoch()
        torch.cuda.synchronize()
        begin.wait()
        epoch()
        torch.cuda.synchronize()
        end.wait()
