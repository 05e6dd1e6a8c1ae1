"""Methods across targets and tasks: what stands in which cell."""

from __future__ import annotations

import pandas as pd
import pytest

from benchmarks.report.tables.across import ACROSS
from benchmarks.report.text import latex


@pytest.fixture
def rows(row, dense) -> pd.DataFrame:
    """Two tasks and seeds; l1 loses 1 point at macs=0.5 and 3 at macs=0.2; the switcher gains 2; sss fails once."""
    found = []
    for network in ("lenet5", "resnet8"):
        for seed in (0, 1):
            at = {"network": network, "seed": seed}
            found += [dense(**at), row(**at, test_accuracy=0.89), row(**at, target="macs=0.2", test_accuracy=0.87)]
            found.append(row(**at, method="switcher", target="free", test_accuracy=0.92, macs=8000.0))
            found.append(row(**at, method="switcher", target="macs=0.2", test_accuracy=0.88))
            lost = {"status": "collapsed", "test_accuracy": float("nan")} if seed and network == "lenet5" else {}
            found.append(row(**at, method="sss", target="free", **lost))
    return pd.DataFrame(found)


def test_by_target_the_largest_size_comes_first(rows):
    table = ACROSS["by_target"](rows).data.set_index("Method")
    assert list(table) == ["free", "macs=0.5", "macs=0.2"]
    assert table.loc["l1"].tolist() == ["–", "-1.00 ± 0.00", "-3.00 ± 0.00"]
    assert table.loc["switcher", "free"] == "+2.00 ± 0.00"


def test_a_failed_run_is_named(rows):
    (sheet,) = ACROSS["by_target"](rows).sheets
    assert "sss (free, digits, lenet5): 1 collapsed" in sheet.caption and "favours" in sheet.caption
    assert "No run failed." in ACROSS["by_target"](rows[rows["method"] != "sss"]).sheets[0].caption


def test_duels_are_of_the_same_size(rows):
    table = ACROSS["duels"](rows)
    assert table.data.set_index("Method").to_dict() == {"macs=0.2": {"l1": "+1.00 ± 0.00"}}


def test_by_task_a_method_has_a_line_for_each_target(rows):
    table = ACROSS["by_task"](rows).data
    assert table[["Target", "Method"]].to_numpy().tolist() == [
        ["free", "switcher"], ["free", "sss"], ["macs=0.5", "l1"], ["macs=0.2", "switcher"], ["macs=0.2", "l1"],
    ]  # fmt: skip
    assert list(table)[2:] == ["digits, lenet5", "digits, resnet8", "Cost, × dense"]
    assert table.loc[1, "digits, lenet5"] == "+0.00"


def test_free_has_accuracy_and_size_of_each_method(rows):
    table = ACROSS["free"](rows).data
    assert table["Network"].tolist() == ["lenet5", "", "", "resnet8", "", ""], "said once"
    assert table.loc[1, ["Method", "Accuracy, %", "MACs kept, %"]].tolist() == ["switcher", "92.00 ± 0.00", "80.0"]
    assert table.loc[1, "Difference to dense, points"] == "+2.00 [+2.00, +2.00]"


def test_a_study_without_scores_has_no_table(row):
    lost = pd.DataFrame([row(status="collapsed", test_accuracy=float("nan"))])
    assert not [name for name, table in ACROSS.items() if table(lost).sheets]


def test_a_table_is_a_float_with_a_label(rows):
    (sheet,) = ACROSS["by_target"](rows).sheets
    text = latex.table(sheet.title, sheet.cells, sheet.caption, sheet.names, "study/by_target")
    assert "\\label{tab:study/by_target}" in text
    assert "switcher & +2.00 & 0.00 & {--} & {} & -2.00 & 0.00 \\\\" in text
