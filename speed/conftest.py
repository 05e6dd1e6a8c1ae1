"""Comparing alternatives on a shared machine.

The alternatives run on one thread and take turns. They are timed by the processor time of this process, so that another
process on the core does not count; on a GPU by the wall clock, each run until the GPU is done. A ratio is the median
over the rounds of the ratio of two runs of the same round. It goes into the benchmark's `extra_info` and into the table
at the end, and speed/publish.py makes a table and a figure of it. No ratio is asserted: a slow machine is no fault.
"""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.machine.device import describe
from speed.workloads import DEVICE

LINE = "{:<20} {:<56} {:>7} {:>15}  {}"
TABLE = pytest.StashKey[list[str]]()
Run = Callable[[], object]
Compare = Callable[..., None]


def clock() -> float:
    """Processor seconds of this process and its finished children; on a GPU, seconds of the wall clock."""
    if DEVICE.type == "cpu":
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return time.process_time() + children.ru_utime + children.ru_stime
    torch.cuda.synchronize()
    return time.perf_counter()


class Ratio(NamedTuple):
    """Time of the run `over` / time of the run `under`. `target` appears in the table."""

    label: str
    over: str
    under: str
    target: str = ""


def pytest_configure(config: pytest.Config) -> None:
    config.stash[TABLE] = []


def pytest_benchmark_update_machine_info(machine_info: dict[str, Any]) -> None:
    machine_info |= {"device": describe(DEVICE), "kind": DEVICE.type, "torch": str(torch.__version__)}


def pytest_itemcollected(item: pytest.Item) -> None:
    item.add_marker(pytest.mark.benchmark(timer=clock, disable_gc=True))


@pytest.fixture
def compare(benchmark: BenchmarkFixture, request: pytest.FixtureRequest) -> Compare:
    """compare(runs, ratios, rounds): the first of the runs is the benchmark, the others take turns with it.

    exact: label -> a value that is not timed, and its target; it appears in the same table.
    """

    def run(
        runs: Mapping[str, Run],
        ratios: list[Ratio],
        rounds: int = 5,
        warmup: int = 1,
        exact: Mapping[str, tuple[float, str]] | None = None,
    ) -> None:
        measured, *others = runs
        seconds: dict[str, list[float]] = {name: [] for name in runs}

        def before() -> None:
            for name in others:
                start = clock()
                runs[name]()
                seconds[name].append(clock() - start)

        def report(label: str, values: list[float], target: str) -> None:
            middle = statistics.median(values)
            benchmark.extra_info[label] = {"median": middle, "rounds": values, "target": target}
            spread = f"{min(values):.3g} to {max(values):.3g}" if len(values) > 1 else ""
            name = request.node.name.removeprefix("test_")
            request.config.stash[TABLE].append(LINE.format(name, label, f"{middle:.3g}", spread, target))

        benchmark.pedantic(runs[measured], setup=before, rounds=rounds, warmup_rounds=warmup)
        if benchmark.stats is None:  # --benchmark-disable
            return
        seconds[measured] = benchmark.stats.stats.data
        for label, over, under, target in ratios:
            pairs = zip(seconds[over][-rounds:], seconds[under][-rounds:], strict=True)
            report(label, [a / b for a, b in pairs], target)
        for label, (value, target) in (exact or {}).items():
            report(label, [value], target)
        benchmark.extra_info["seconds"] = {name: statistics.median(own[-rounds:]) for name, own in seconds.items()}

    return run


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if config.stash[TABLE]:
        terminalreporter.section("ratios")
        terminalreporter.line(LINE.format("benchmark", "ratio", "median", "range", "target"))
        for line in config.stash[TABLE]:
            terminalreporter.line(line)
