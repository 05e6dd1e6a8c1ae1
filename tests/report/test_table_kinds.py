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
from benchmarks.report.tables.matched import matched_macs, ranks
from benchmarks.report.tables.overall import pooled
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
