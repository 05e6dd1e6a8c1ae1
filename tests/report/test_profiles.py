"""Performance profiles and the probability of improvement: worked examples, as a table and as a figure."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from benchmarks.report.figures.ranks import profile_panels
from benchmarks.report.stats.comparisons import gaps, improvement, near_best
from benchmarks.report.tables.overall import profiles


@pytest.fixture
def rows(row) -> pd.DataFrame:
    """Two tasks and seeds. Switcher 0.90; l1 0.5 points behind, then 1 ahead; random ties once, and fails for good."""
    found = []
    for task, l1 in (("a", 0.895), ("b", 0.91)):
        for seed in (0, 1):
            at = {"dataset": task, "seed": seed}
            found.append(row(method="switcher", test_accuracy=0.9, **at))
            found.append(row(method="l1", test_accuracy=l1, **at))
            lost = {"status": "diverged", "test_accuracy": math.nan} if task == "b" else {"test_accuracy": 0.9}
            found.append(row(method="random", **at, **lost))
    return pd.DataFrame(found)


def test_a_profile_counts_the_tasks_within_some_points_of_the_best(rows) -> None:
    apart = gaps(rows, "macs=0.5")
    assert apart["switcher"].tolist() == [0, 1] and apart["l1"].tolist() == [0.5, 0]
    assert apart["random"].tolist() == [0, 91], "a failed run has accuracy 0"
    assert near_best(apart, 0.4).to_dict() == {"l1": 0.5, "random": 0.5, "switcher": 0.5}
    assert near_best(apart, 0.5)["l1"] == 1 and near_best(apart, 1)["switcher"] == 1


def test_the_probability_of_improvement_is_paired_and_a_tie_is_half(rows) -> None:
    found = improvement(rows, "macs=0.5", "switcher")["probability"]
    assert found.to_dict() == {"l1": 0.5, "random": 0.75}


def test_a_method_that_always_wins_has_an_interval(row) -> None:
    """Wilson's for 6 of 6: from 6 / (6 + 1.96^2) on. With two tasks: from 2 / (2 + 1.96^2) on."""
    wins = [
        row(method=method, test_accuracy=accuracy, dataset=task, seed=seed)
        for method, accuracy in (("switcher", 0.9), ("l1", 0.8))
        for task in "ab"
        for seed in range(3)
    ]
    line = improvement(pd.DataFrame(wins), "macs=0.5", "switcher").loc["l1"]
    assert (line["probability"], line["fixed_high"], line["over_high"]) == (1, 1, 1)
    assert line["fixed_low"] == pytest.approx(6 / (6 + 1.959964**2)) and (line["tasks"], line["pairs"]) == (2, 6)
    assert line["over_low"] == pytest.approx(2 / (2 + 1.959964**2))
    lost = improvement(pd.DataFrame(wins), "macs=0.5", "l1").loc["switcher"]
    assert [lost["over_low"], lost["over_high"]] == pytest.approx([0, 1 - line["over_low"]])


def test_at_the_macs_of_a_method_its_unconstrained_runs_take_part(rows) -> None:
    rows["target"] = rows["method"].map({"switcher": "free"}).fillna("match:switcher")
    assert improvement(rows, "match:switcher", "switcher")["probability"].to_dict() == {"l1": 0.5, "random": 0.75}


def test_table_and_figure_show_them(rows) -> None:
    (sheet,) = profiles(rows).sheets
    line = sheet.cells.set_index("Method").loc["random"]
    assert line[["Tasks", "Within 0.5, %", "Examined is better, %"]].tolist() == ["2", "50", "75"]
    assert line["Fixed tasks"] == "[30, 95]" and line["Over tasks"] == "[20, 97]", "Wilson's, of 3 of 4 and 1.5 of 2"
    assert sheet.cells.set_index("Method").loc["switcher", "Examined is better, %"] == "–"
    figure, caption = profile_panels(rows)
    left, right = figure.axes
    assert len(left.lines) == 3 and {label.get_text() for label in right.get_yticklabels()} == {"l1", "random"}
    assert "n=2" in caption


def test_one_method_has_no_profile(rows) -> None:
    alone = rows[rows["method"] == "l1"]
    assert not profiles(alone).sheets and "no two methods" in profile_panels(alone)[0].axes[0].texts[0].get_text()


def test_both_halves_are_of_the_same_methods_and_tasks_and_name_what_is_left_out(row) -> None:
    """On c, where random did not run, the switcher is far behind; at the end l1 and random, and a method on a alone."""
    where = {"switcher": "abc", "l1": "abc", "random": "ab", "obd": "a"}
    rows = pd.DataFrame(
        row(method=method, dataset=task, seed=seed, test_accuracy=0.5 if (method, task) == ("switcher", "c") else 0.9)
        for method, tasks in where.items()
        for task in tasks
        for seed in range(2)
    )
    found = profiles(rows)
    assert set(found.data["method"]) == {"switcher", "l1"} and found.data["tasks"].tolist() == [3, 3]
    assert improvement(rows, "macs=0.5", "switcher").index.tolist() == ["l1"]
    said = "Left out, as runs are missing: obd, random."
    assert said in found.sheets[0].caption and f"macs=0.5: {said}" in profile_panels(rows)[1]
