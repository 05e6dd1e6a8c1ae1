"""How long networks take for a batch. They take turns, so that a burst of load on the machine falls on all alike."""

from __future__ import annotations

import logging
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn

log = logging.getLogger(__name__)
ROUNDS = 5
TURN_SECONDS = 0.01  # of a network in a round, and one run at least

Run = Callable[[], object]
Clock = Callable[[], float]


def in_turns(runs: Sequence[Run], clock: Clock = time.perf_counter, rounds: int = ROUNDS) -> list[float]:
    """Seconds of each run: the median over rounds of its mean in a turn. Every other round goes backwards."""
    counts = [_count(run, clock) for run in runs]
    seconds: list[list[float]] = [[] for _ in runs]
    for number in range(rounds):
        order = range(len(runs))
        for i in order if number % 2 == 0 else reversed(order):
            seconds[i].append(_turn(runs[i], counts[i], clock))
        log.info("latencies: round %d of %d, %d networks", number + 1, rounds, len(runs))
    return [statistics.median(own) for own in seconds]


def latencies(nets: Sequence[nn.Module], images: Tensor) -> list[float]:
    """Milliseconds of each network for the batch `images` [n, c, h, w], on its device."""

    def clock() -> float:
        if images.is_cuda:
            torch.cuda.synchronize()
        return time.perf_counter()

    with torch.inference_mode():
        return [seconds * 1e3 for seconds in in_turns([partial(net, images) for net in nets], clock)]


def _count(run: Run, clock: Clock) -> int:
    """How many runs fill a turn."""
    run()  # the first is slower than all others
    start = clock()
    run()
    return max(1, int(TURN_SECONDS / max(clock() - start, 1e-9)))


def _turn(run: Run, count: int, clock: Clock) -> float:
    if count > 1:
        run()  # what the one before has left in the caches is of no use to this one
    start = clock()
    for _ in range(count):
        run()
    return (clock() - start) / count
