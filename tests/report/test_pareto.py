"""Fronts and hypervolumes that can be drawn on squared paper."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from benchmarks.report.stats.pareto import at_their_macs, front, hypervolume, hypervolumes
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


@pytest.fixture
def points(row, dense):
    """Points of the switcher, which keeps 40 % and 60 %, over `sss` at these MACs, and whether they are a bound."""

    def compared(macs: float, small: list[float], large: list[float], theirs: list[float]) -> tuple[list, list]:
        rows = []
        for seed, accuracies in enumerate(zip(small, large, theirs, strict=True)):
            own = {"method": "switcher", "seed": seed}
            runs = [own | {"target": "macs=0.4", "macs": 4000}, own | {"target": "free", "macs": 6000}]
            runs.append({"method": "sss", "target": "free", "seed": seed, "macs": macs})
            rows += [row(test_accuracy=a, **run) for a, run in zip(accuracies, runs, strict=True)]
            rows.append(dense(seed=seed, test_accuracy=0.99))
        found = at_their_macs(pd.DataFrame(rows), "switcher")
        return (100 * found["difference"]).round(9).tolist(), found["bound"].tolist()

    return compared


def test_between_two_own_runs_the_accuracy_is_on_the_line_through_them(points):
    assert points(5000, [0.6, 0.6], [0.8, 0.9], [0.65, 0.8]) == ([5, -5], [False, False])


@pytest.mark.parametrize("macs", [6000, 6120])
def test_at_equal_macs_own_accuracies_are_compared(points, macs):
    """A target is met within 2 % of the MACs."""
    assert points(macs, [0.6, 0.6], [0.8, 0.9], [0.85, 0.85]) == ([-5, 5], [False, False])


def test_above_its_largest_run_that_run_is_a_lower_bound_on_all_seeds_of_the_task(points):
    assert points(9000, [0.6, 0.6], [0.8, 0.9], [0.82, 0.82]) == ([-2, 8], [True, True])


@pytest.mark.parametrize("theirs", [0.85, 0.88])
def test_a_bound_that_is_not_above_the_others_mean_is_used_on_no_seed(points, theirs):
    differences, bound = points(9000, [0.6, 0.6], [0.8, 0.9], [theirs] * 2)
    assert np.isnan(differences).all() and bound == [False, False]


def test_each_task_and_method_has_its_own_bound(row):
    """Above on one network and below on the other, and below against a second method."""
    rows = [row(method=m, network=n, target="free", macs=macs, test_accuracy=accuracy) for m, n, macs, accuracy in [
        ("switcher", "lenet5", 5000, 0.8), ("sss", "lenet5", 9000, 0.7), ("l0", "lenet5", 9000, 0.9),
        ("switcher", "resnet8", 5000, 0.8), ("sss", "resnet8", 9000, 0.9),
    ]]  # fmt: skip
    found = at_their_macs(pd.DataFrame(rows), "switcher")
    assert found["bound"].tolist() == [True, False, False]
    assert found["difference"].notna().tolist() == [True, False, False]


def test_below_its_smallest_run_and_without_one_there_is_no_accuracy(points, row, dense):
    differences, bound = points(3000, [0.6], [0.8], [0.1])
    assert np.isnan(differences).all() and bound == [False]
    found = at_their_macs(pd.DataFrame([dense(), row(method="sss", target="free", macs=10000)]), "switcher")
    assert found["difference"].isna().all() and found["bound"].tolist() == [False]
