"""Fronts and hypervolumes that can be drawn on squared paper."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from benchmarks.report.stats.pareto import front, hypervolume, hypervolumes
from benchmarks.report.stats.summary import summary


def test_the_front_holds_what_nothing_beats(row, dense):
    rows = [dense(test_accuracy=0.9)]
    for method, macs, accuracy in [
        ("cheap", 2000, 0.7),
        ("beaten", 3000, 0.7),
        ("good", 5000, 0.9),
        ("lost", 5000, 0.6),
    ]:
        rows.append(row(method=method, macs=macs, test_accuracy=accuracy))
    rows.append(row(method="failed", status="diverged", test_accuracy=math.nan))
    table = summary(pd.DataFrame(rows))
    assert set(table.loc[front(table), "method"]) == {"cheap", "good"}


def test_equals_are_both_on_the_front(row):
    table = summary(pd.DataFrame([row(method="a"), row(method="b")]))
    assert front(table).tolist() == [True, True]


def test_networks_do_not_compete(row):
    table = summary(pd.DataFrame([row(test_accuracy=0.5), row(network="resnet8", test_accuracy=0.9)]))
    assert front(table)[table["n"] > 0].tolist() == [True, True]


@pytest.mark.parametrize(
    ("points", "area"),
    [
        ([(0.5, 0.8)], 0.4),
        ([(0.5, 0.8), (0.25, 0.4)], 0.5),
        ([(0.5, 0.8), (0.75, 0.6)], 0.4),
        ([(0.5, 0.8), (0.75, 1.0)], 0.45),
        ([(1.2, 0.9)], 0.0),
        ([], 0.0),
    ],
)
def test_hypervolume_is_the_area_under_the_stairs(points, area):
    macs, accuracy = np.array(points).reshape(-1, 2).T
    assert hypervolume(macs, accuracy) == pytest.approx(area)


def test_hypervolumes_over_seeds(row):
    """Areas 0.5 x 0.8 and 0.5 x 0.6: mean 0.35, half-width 0.05 x 12.7062."""
    (found,) = hypervolumes(pd.DataFrame([row(test_accuracy=0.8), row(seed=1, test_accuracy=0.6)])).to_dict("records")
    assert (found["hypervolume"], found["n"]) == (pytest.approx(0.35), 2)
    assert found["hypervolume_half"] == pytest.approx(0.05 * 12.7062, rel=1e-5)
