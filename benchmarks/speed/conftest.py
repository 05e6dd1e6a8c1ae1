"""How things are compared on a machine that others use too.

All run on one thread, in turns, and are timed by the processor time of this process: a neighbour's turn on the core is
not counted. A ratio is the median over the rounds of the ratio of two runs of the same round. It goes into the
benchmark's `extra_info` and into the table at the end. No ratio is asserted: a slow machine is not a fault.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.device import choose

CLOCK = time.process_time
LINE = "{:<20} {:<42} {:>7} {:>15}  {}"
TABLE = pytest.StashKey[list[str]]()
Run = Callable[[], object]
Compare = Callable[..., None]


class Ratio(NamedTuple):
    """Time of the run `over` / time of the run `under`; `target` is for the reader of the table."""

    label: str
    over: str
    under: str
    target: str = ""


def pytest_configure(config: pytest.Config) -> None:
    config.stash[TABLE] = []
    choose(threads=1)


def pytest_itemcollected(item: pytest.Item) -> None:
    item.add_marker(pytest.mark.benchmark(timer=CLOCK, disable_gc=True))


@pytest.fixture
def compare(benchmark: BenchmarkFixture, request: pytest.FixtureRequest) -> Compare:
    """compare(runs, ratios, rounds): the first of the runs is the benchmark, the others take turns with it."""

    def run(runs: Mapping[str, Run], ratios: list[Ratio], rounds: int = 5, warmup: int = 1) -> None:
        measured, *others = runs
        seconds: dict[str, list[float]] = {name: [] for name in runs}

        def before() -> None:
            for name in others:
                start = CLOCK()
                runs[name]()
                seconds[name].append(CLOCK() - start)

        benchmark.pedantic(runs[measured], setup=before, rounds=rounds, warmup_rounds=warmup)
        if benchmark.stats is None:  # --benchmark-disable
            return
        seconds[measured] = benchmark.stats.stats.data
        for label, over, under, target in ratios:
            own = [a / b for a, b in zip(seconds[over][-rounds:], seconds[under][-rounds:], strict=True)]
            benchmark.extra_info[label] = {"median": statistics.median(own), "rounds": own, "target": target}
            middle, spread = f"{statistics.median(own):.3g}", f"{min(own):.3g} to {max(own):.3g}"
            name = request.node.name.removeprefix("test_")
            request.config.stash[TABLE].append(LINE.format(name, label, middle, spread, target))

    return run


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if config.stash[TABLE]:
        terminalreporter.section("ratios")
        terminalreporter.line(LINE.format("benchmark", "ratio", "median", "range", "target"))
        for line in config.stash[TABLE]:
            terminalreporter.line(line)
