"""What each table says, on rows with known answers."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from benchmarks.report.stats.comparisons import matched
from benchmarks.report.stats.summary import summary
from benchmarks.report.stats.variants import variants
from benchmarks.report.tables.ablation import ablation
from benchmarks.report.tables.cost import cost
from benchmarks.report.tables.matched import against_controls, matched_macs, ranks
from benchmarks.report.tables.overall import overall, pooled
from benchmarks.report.tables.summary import failures


@pytest.fixture
def steered(row, dense) -> pd.DataFrame:
    """Switcher 0.90, 0.91, 0.92 free and 0.88 at macs=0.5; l1 0.89 at its size and 0.86, 0.87, 0.88 at macs=0.5."""
    rows = [dense(seed=i, test_accuracy=0.9) for i in range(3)]
    for i in range(3):
        rows += [
            row(method="switcher", target="free", seed=i, test_accuracy=0.90 + i / 100),
            row(target="match:switcher", seed=i, test_accuracy=0.89),
            row(method="switcher", target="macs=0.5", seed=i, test_accuracy=0.88),
            row(target="macs=0.5", seed=i, test_accuracy=0.86 + i / 100),
        ]
    return pd.DataFrame(rows)


def test_the_examined_method_is_compared_at_each_target(steered):
    found = matched(steered, "switcher").set_index("target")
    assert found["method"].tolist() == ["l1", "l1"]
    assert found.loc["match:switcher", "difference"] == pytest.approx(0.02)
    assert found.loc["macs=0.5", "difference"] == pytest.approx(0.01)
    # Both p are 1 - t / sqrt(t^2 + 2) with t = 2 sqrt(3) and sqrt(3). Each target is a family of its own for Holm.
    assert found.loc["macs=0.5", "p"] == pytest.approx(1 - math.sqrt(3 / 5))
    assert found.loc["match:switcher", "p_holm"] == pytest.approx(1 - math.sqrt(12 / 14))
    titles = [sheet.title for sheet in matched_macs(steered).sheets]
    assert titles == [f"digits, lenet5: switcher against methods at {at}" for at in ("macs=0.5", "match:switcher")]


def test_effect_size_is_mean_over_deviation_and_none_without_spread(steered):
    """Switcher minus dense: 0, 0.01, 0.02, so 0.01 / 0.01; l1 at its size: always -0.01."""
    found = summary(steered).set_index(["method", "target"])["effect_size"]
    assert found["switcher", "free"] == pytest.approx(1)
    assert math.isnan(found["l1", "match:switcher"])


def test_differences_that_are_equal_but_for_rounding_have_no_spread(row, dense):
    rows = [dense(seed=i, test_accuracy=a) for i, a in enumerate([0.1, 0.5, 0.9])]
    rows += [row(seed=i, test_accuracy=a) for i, a in enumerate([0.11, 0.51, 0.91])]
    found = summary(pd.DataFrame(rows)).set_index("method").loc["l1"]
    assert found["difference_half"] == 0
    assert math.isnan(found["effect_size"])


def test_ranks_are_a_sheet_for_every_target(steered):
    tables = ranks(steered)
    assert [sheet.title for sheet in tables.sheets] == ["Average ranks at match:switcher", "Average ranks at macs=0.5"]
    first = tables.data[tables.data["target"] == "macs=0.5"].set_index("method")["average_rank"]
    # One task, on which the means are 0.88 and 0.87.
    assert first.to_dict() == {"switcher": 1, "l1": 2}


def test_overall_has_both_means_over_all_tasks(steered):
    other = steered.assign(network="resnet8")
    other.loc[other["method"] == "switcher", "test_accuracy"] += 0.02
    found = pooled(pd.concat([steered, other])).set_index(["method", "target"])
    line = found.loc["switcher", "free"]
    assert (line["pairs"], line["planned"], line["scored"]) == (6, 6, 6)
    # 0, 0.01, 0.02 on one task and 0.02, 0.03, 0.04 on the other: variances of the task means 1e-4 / 3, df 4.
    assert line["difference"] == pytest.approx(0.02)
    assert line["fixed_half"] == pytest.approx(2.776445 * math.sqrt(2 / 3 * 1e-4) / 2)
    # Task means 0.01 and 0.03, df 1.
    assert line["over_half"] == pytest.approx(12.706205 * 0.01)
    assert math.isnan(line["average_rank"])


def at_half(row, dense, **accuracies: dict[str, float]) -> pd.DataFrame:
    """Two seeds of dense (0.9) on every task, and of each method at macs=0.5, with this accuracy on its tasks."""
    places = {task for own in accuracies.values() for task in own}
    rows = [dense(dataset=task, seed=seed, test_accuracy=0.9) for task in sorted(places) for seed in range(2)]
    for method, own in accuracies.items():
        rows += [
            row(method=method, dataset=task, seed=s, test_accuracy=at) for task, at in own.items() for s in range(2)
        ]
    return pd.DataFrame(rows)


def test_means_at_target_macs_are_over_the_tasks_that_methods_share(row, dense):
    """On c, an easy task, l1 did not run: over all tasks of each, sss would be ahead, which it is on none."""
    l1, sss = {"a": 0.80, "b": 0.82}, {"a": 0.79, "b": 0.81, "c": 0.90}
    rows = at_half(row, dense, l1=l1, sss=sss, obd={"a": 0.7})
    found = pooled(rows).set_index("method")
    assert found["difference"].loc[["l1", "sss", "obd"]].tolist() == pytest.approx([-0.09, -0.10, -0.20])
    assert found["tasks"].loc[["l1", "sss", "obd"]].tolist() == [2, 2, 1], "of few tasks a method keeps what it has"
    assert "So that means compare, without tasks" in (caption := overall(rows).sheets[0].caption)
    assert "not all of these methods ran (macs=0.5: c, lenet5). " in caption
    assert "So that means compare" not in overall(rows[rows["dataset"] != "c"]).sheets[0].caption
    lost = (rows["method"] == "l1") & (rows["dataset"] == "b")
    rows.loc[lost, ["status", "test_accuracy"]] = "collapsed", float("nan")
    assert pooled(rows).set_index("method").loc["sss", "tasks"] == 2, "where l1 fails, sss still counts"
    apart = pooled(at_half(row, dense, l1={"a": 0.8, "b": 0.8}, sss={"c": 0.8, "d": 0.8})).set_index("method")
    assert apart["tasks"].tolist() == [4, 2, 2], "nothing is shared"
    each = {name: {task: 0.8 for task in "abcde" if task != name} for name in "abcd"}
    assert set(pooled(at_half(row, dense, **each)).set_index("method").loc[list("abcd"), "tasks"]) == {4}, "one of five"


def test_each_control_is_a_table_of_what_can_be_told_apart_from_it(row, dense):
    rows = at_half(row, dense, uniform={"a": 0.80, "b": 0.82}, random={"a": 0.80, "b": 0.80}, l1={"a": 0.83, "b": 0.84})
    rows.loc[(rows["method"] == "l1") & (rows["seed"] == 1), "test_accuracy"] += 0.01
    rows.loc[(rows["method"] == "random") & (rows["seed"] == 1) & (rows["dataset"] == "b"), "test_accuracy"] += 0.01
    tables = against_controls(rows)
    assert [sheet.title for sheet in tables.sheets] == ["At macs=0.5, against uniform", "At macs=0.5, against random"]
    found = tables.data.set_index(["control", "method"])
    line = found.loc["uniform", "l1"]
    # 3 and 4 points on one task, 2 and 3 on the other: variances of the task means 0.25, df 2; task means 3.5 and 2.5.
    assert (line["tasks"], line["pairs"], line["difference"]) == (2, 4, pytest.approx(0.03))
    assert line["fixed_half"] == pytest.approx(4.302653 * math.sqrt(0.5) / 2 / 100)
    assert line["over_half"] == pytest.approx(12.706205 * 0.005)
    # t = 3 / sqrt(0.125) with df 2, p = 1 - t / sqrt(t^2 + 2): the smaller of two, which Holm doubles.
    t = 3 / math.sqrt(0.125)
    raw = 1 - t / math.sqrt(t**2 + 2)
    assert line["fixed_p"] == pytest.approx(2 * raw)
    assert found.loc[("random", "uniform"), "difference"] == pytest.approx(0.0075)
    alone = against_controls(rows[rows["method"] != "random"]).data
    assert alone["fixed_p"].tolist() == pytest.approx([raw])
    assert against_controls(rows[rows["method"] == "l1"]).sheets == []


def test_cost_has_phases_and_the_front(steered):
    data = cost(steered).data.set_index(["method", "target"])
    assert data.loc[("l1", "macs=0.5"), "cost"] == 0.75
    assert data.loc[("l1", "macs=0.5"), ["epochs_pretrain", "epochs_learn", "epochs_finetune"]].tolist() == [10, 0, 10]
    # All keep half of the MACs but dense: the best of them is on the front, and takes dense's place.
    assert data["front"].to_dict() == {key: key == ("switcher", "free") for key in data.index}
    assert "10+0+10" in cost(steered).sheets[0].cells["Epochs"].tolist()


def test_failures_are_counted_by_status_with_their_commonest_reason(row, dense):
    reasons = ["the loss was 4.1 in epoch 3", "the loss was 7.2 in epoch 5", "no group"]
    rows = [dense(seed=i) for i in range(4)]
    rows += [row(seed=i, status="diverged", reason=reason, test_accuracy=math.nan) for i, reason in enumerate(reasons)]
    rows.append(row(method="sss", status="unsupported", reason="needs a norm", test_accuracy=math.nan))
    table = failures(pd.DataFrame(rows))
    found = table.data.set_index("method")
    assert found.loc["l1", ["planned", "scored", "diverged", "unsupported", "missing"]].tolist() == [4, 0, 3, 0, 1]
    assert found.loc["sss", ["unsupported", "missing"]].tolist() == [1, 3]
    assert found.loc["l1", "reason"] == reasons[0]
    assert table.sheets[0].cells["Method"].tolist() == ["l1", "sss"]
    assert "4 of 12 runs have a score" in table.sheets[0].caption
    assert failures(pd.DataFrame(rows[:4])).absent == "No run failed: 4 of 4 runs have a score."


def test_a_variant_is_compared_with_its_default_at_the_same_target(row):
    rows = []
    for seed in range(3):
        for target, default in (("free", 0.90), ("macs=0.5", 0.80)):
            rows.append(row(method="switcher", target=target, seed=seed, test_accuracy=default))
            changed = {"method": "switcher,input=noise", "target": target, "seed": seed, "macs": 6000.0}
            rows.append(row(test_accuracy=default - (seed + 1) / 100, **changed))
    rows.append(row(method="l1,ranking=global"))
    found = variants(pd.DataFrame(rows)).set_index("target")
    assert found[["base", "knobs"]].drop_duplicates().to_numpy().tolist() == [["switcher", "input=noise"]]
    for target in ("free", "macs=0.5"):
        assert found.loc[target, ["pairs", "difference", "effect_size"]].tolist() == pytest.approx([3, -0.02, -2])
        assert found.loc[target, "difference_half"] == pytest.approx(0.02484138, rel=1e-6)
        assert found.loc[target, "macs_difference"] == pytest.approx(0.1)
    (sheet,) = ablation(pd.DataFrame(rows)).sheets
    assert sheet.title == "digits, lenet5: variants of switcher"
