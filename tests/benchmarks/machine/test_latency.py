"""Latencies, on a machine of known load: what is timed moves a clock of the test."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from benchmarks import measure
from benchmarks.data.dataset import Part
from benchmarks.machine import latency
from benchmarks.machine.latency import ROUNDS, TURN_SECONDS, in_turns, latencies
from benchmarks.schemas.rows import COLUMNS


class Machine:
    """A clock that runs move on, by their cost times the present load."""

    def __init__(self, load: Callable[[float], float] = lambda now: 1.0) -> None:
        self.now, self.load, self.ran = 0.0, load, list[str]()

    def run(self, name: str, cost: float) -> None:
        self.ran.append(name)
        self.now += cost * self.load(self.now)

    def time(self, **costs: float) -> dict[str, float]:
        runs = [partial(self.run, name, cost) for name, cost in costs.items()]
        return dict(zip(costs, in_turns(runs, lambda: self.now), strict=True))


@given(st.lists(st.floats(1e-5, 1.0), min_size=1, max_size=6))
def test_each_run_gets_its_own_time(costs: list[float]) -> None:
    seconds = Machine().time(**{f"net{i}": cost for i, cost in enumerate(costs)})
    assert list(seconds.values()) == pytest.approx(costs, rel=1e-6)


@pytest.mark.parametrize("begin", [0.0, 0.7, 1.4, 2.1, 2.8])
def test_a_burst_of_load_spoils_no_network(begin: float) -> None:
    """Three networks of 0.1 s each, 5 rounds: a burst as long as a round and more falls on one or two turns of each."""
    machine = Machine(lambda now: 10.0 if begin <= now < begin + 3.0 else 1.0)
    seconds = machine.time(a=0.1, b=0.1, c=0.1)
    assert list(seconds.values()) == pytest.approx([0.1] * 3)


def test_every_network_has_a_turn_in_every_round_and_every_other_round_goes_backwards() -> None:
    machine = Machine()
    machine.time(a=1.0, b=1.0, dense=1.0)
    turns = machine.ran[2 * 3 :]  # after those that tell how many runs fill a turn
    there, back = ["a", "b", "dense"], ["dense", "b", "a"]
    assert turns == there + back + there + back + there and ROUNDS == 5


def test_a_drift_of_the_machine_makes_none_slower_than_another() -> None:
    """It slows down steadily; one after the other, the last would look a third slower than the first."""
    machine = Machine(lambda now: 1 + now / 10)
    seconds = machine.time(**{f"net{i}": 0.1 for i in range(6)})
    assert max(seconds.values()) / min(seconds.values()) < 1.06


def test_a_turn_is_filled_by_quick_networks_and_one_run_of_a_slow_one() -> None:
    machine = Machine()
    machine.time(quick=TURN_SECONDS / 100, slow=1.0)
    assert machine.ran.count("slow") == 2 + ROUNDS
    assert machine.ran.count("quick") == pytest.approx(100 * ROUNDS, rel=0.05)
    assert machine.now - 7.0 < 1.1 * ROUNDS * TURN_SECONDS, "no more than the time that was asked for"


def test_networks_are_run_on_the_images_and_not_trained(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[tuple[torch.Size, bool]] = []

    class Spy(nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            seen.append((x.shape, torch.is_inference_mode_enabled()))
            return super().forward(x)

    with caplog.at_level(logging.INFO, latency.__name__):
        found = latencies([Spy(4, 2), Spy(4, 3)], torch.zeros(7, 4))
    assert len(found) == 2 and all(milliseconds > 0 for milliseconds in found)
    assert set(seen) == {((7, 4), True)}
    assert [record.message for record in caplog.records][-1] == f"latencies: round {ROUNDS} of {ROUNDS}, 2 networks"


def test_nothing_to_time_is_no_fault() -> None:
    assert latencies([], torch.zeros(1, 4)) == []


def test_as_many_networks_take_turns_as_memory_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every row comes back, those without a network too, in the order of the cells."""
    part = Part(torch.zeros(130, 1, 2, 2, dtype=torch.uint8), torch.zeros(130), torch.zeros(1), torch.ones(1))
    nets = [None if seed == 2 else nn.Flatten() for seed in range(6)]
    lots: list[list[int]] = []
    time = measure._time

    def spy(waiting: list[tuple[measure.Row, nn.Module]], test: Part) -> None:
        lots.append([row["seed"] for row, _ in waiting])
        time(waiting, test)

    monkeypatch.setattr(measure, "load", lambda *_: {"test": part})
    monkeypatch.setattr(measure, "_counted", lambda *_: [({"seed": i, "bytes": 600}, n) for i, n in enumerate(nets)])
    monkeypatch.setattr(measure, "_time", spy)
    monkeypatch.setattr(measure, "AT_ONCE", 1000)
    rows = measure.measure([], Path(), torch.device("cpu"))
    assert lots == [[0, 1], [3, 4], [5]]
    assert [row["seed"] for row in rows] == list(range(6))
    for row in rows:
        assert list(row) == list(COLUMNS)
        assert (row["latency_cpu_b1_ms"] is None) == (row["latency_cpu_b128_ms"] is None) == (row["seed"] == 2)
