"""Studies with known answers: four tasks on which every difference is planted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from tests.report.conftest import make_dense, make_row

TASKS = [("digits", "lenet5"), ("digits", "resnet8"), ("fashion", "lenet5"), ("fashion", "resnet8")]
PARAMETERS = {"lenet5": 1e4, "resnet8": 1e5}
DENSE = {"digits": 0.9, "fashion": 0.8}
NOISE = (0.0, 0.05, -0.05, 0.02, -0.02)
"""Points of test accuracy, seed by seed; their mean is 0."""
Gains = Sequence[float]


def run(method: str, task: int, seed: int, gain: float, removed: float = 20.0, **changes: Any) -> dict[str, Any]:
    """A run with this gain over dense, in points, and this share of MACs removed, in percent."""
    dataset, network = TASKS[task]
    own = {"dataset": dataset, "network": network, "seed": seed, "method": method, "target": "free"}
    own |= {"params_dense": PARAMETERS[network], "macs": 100 * (100 - removed), "params": 500.0}
    return make_row(**own | {"test_accuracy": DENSE[dataset] + (gain + NOISE[seed % 5]) / 100} | changes)


def dense(seeds: Sequence[int] = (5, 5, 5, 5)) -> list[dict[str, Any]]:
    """The baseline on every task, with this many seeds."""
    return [
        make_dense(
            dataset=TASKS[task][0], network=TASKS[task][1], seed=seed, test_accuracy=DENSE[TASKS[task][0]],
            params_dense=PARAMETERS[TASKS[task][1]],
        )
        for task, count in enumerate(seeds)
        for seed in range(count)
    ]  # fmt: skip


def method(name: str, gains: Gains, removed: Gains = (20, 20, 20, 20), seeds: int = 5, **changes: Any) -> list[dict]:
    """Runs of a method with a gain over dense and a share removed for each task."""
    return [
        run(name, task, seed, gain, share + NOISE[seed % 5], **changes)
        for task, (gain, share) in enumerate(zip(gains, removed, strict=True))
        for seed in range(seeds)
    ]


def nulls(none: float = 0.0, random: float = 5.0) -> list[dict[str, Any]]:
    """The switcher without the loss's gradient, and with one of random sign."""
    found = method("switcher,signal=random", [0] * 4, [random] * 4)
    return found + [run("switcher,signal=none", task, seed, 0, none) for task in range(4) for seed in range(5)]


def failed(rows: list[dict[str, Any]], count: int, status: str = "diverged") -> list[dict[str, Any]]:
    """The rows, the first of which have failed."""
    lost = {"status": status, "test_accuracy": math.nan}
    return [one | (lost if i < count else {}) for i, one in enumerate(rows)]


def study(*parts: list[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame([one for part in parts for one in part])
