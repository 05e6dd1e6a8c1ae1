"""Published numbers: what the file holds, what contradicts, and which cell is compared with which entry."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from benchmarks.report.tables.orders import orders
from benchmarks.report.tables.published import contradictions, nearest, published, read_published

ENTRIES = read_published(Path(__file__).parents[2] / "paper" / "published.csv")


def entry(**changes) -> dict:
    base = {"dataset": "CIFAR-10", "network": "ResNet-56", "method": "L1", "key": "l1", "setting": "", "source": "A"}
    numbers = {"baseline_accuracy": 93.0, "accuracy": 93.1, "delta": 0.1, "macs_removed": 50.0}
    return base | numbers | {"macs_convention": "as printed", "epochs": 160.0} | changes


@pytest.mark.parametrize(
    ("other", "clash"),
    [
        ({"accuracy": 92.1}, True),
        ({"macs_removed": 40.0}, True),
        ({"accuracy": 93.12, "macs_removed": 50.9}, False),
        ({"accuracy": 92.1, "macs_removed": 40.0}, False),
        ({"accuracy": 92.1, "source": "A"}, False),
        ({"accuracy": 92.1, "key": "fpgm"}, False),
    ],
)
def test_a_contradiction_agrees_in_half(other, clash):
    table = pd.DataFrame([entry(), entry(**({"source": "B"} | other))])
    assert contradictions(table).tolist() == (["B", "A"] if clash else ["", ""])


def test_a_setting_that_the_other_source_prints_too_is_no_contradiction():
    """With and without fine-tuning at one size: the one that both print settles it."""
    rows = [entry(accuracy=92.3), entry(accuracy=93.4), entry(accuracy=93.4, source="B")]
    assert contradictions(pd.DataFrame(rows)).tolist() == ["", "", ""]


def test_known_contradictions_are_found():
    flagged = ENTRIES[ENTRIES["contradicted"] != ""]
    assert {"hrank", "nisp", "fpgm"} <= set(flagged["key"])
    typo = flagged[(flagged["key"] == "hrank") & (flagged["accuracy"] == 92.17)]
    assert "HRank" in typo["contradicted"].item()


def test_every_entry_is_in_percent_with_a_source_and_a_delta_of_its_own_baseline():
    table = ENTRIES
    assert len(table) > 300
    assert (table["source"] != "").all()
    assert table["accuracy"].dropna().between(40, 100).all()
    assert table["macs_removed"].dropna().between(0, 100).all()
    own = table["accuracy"] - table["baseline_accuracy"]
    assert ((own - table["delta"]).abs().dropna() < 0.011).all()
    assert (table.loc[table["macs_removed"].notna(), "macs_convention"] != "").all()


@pytest.mark.parametrize(
    ("network", "accuracy"), [("ResNet-20", 91.25), ("ResNet-32", 92.49), ("ResNet-56", 93.03), ("ResNet-110", 93.57)]
)
def test_dense_residual_networks_are_those_of_the_paper_that_introduced_them(network, accuracy):
    entries = ENTRIES[ENTRIES["source"].str.startswith("He et al.")]
    (found,) = entries[entries["network"] == network].to_dict("records")
    expected = {"dataset": "CIFAR-10", "key": "dense", "accuracy": accuracy, "delta": 0.0, "epochs": 164.0}
    assert found.items() >= expected.items()
    assert f"{100 - accuracy:.2f} % test error" in found["note"] and "64,000 steps" in found["note"]


def test_an_entry_is_compared_with_the_cell_nearest_in_macs(row, dense):
    where = {"dataset": "cifar10", "network": "resnet56"}
    rows = [dense(test_accuracy=0.94, **where)]
    rows += [
        row(target=f"macs={kept}", macs=10000 * kept, test_accuracy=0.9 + kept / 100, **where) for kept in (0.3, 0.6)
    ]
    table = nearest(pd.DataFrame(rows), pd.DataFrame([entry(), entry(key="", method="X"), entry(network="VGG-16")]))
    assert table["method"].tolist() == ["L1", "X"]
    line = table.iloc[0]
    assert (line["target"], line["here"]) == ("macs=0.6", "l1")
    assert line[["removed", "accuracy_measured", "measured_dense"]].tolist() == pytest.approx([40, 90.6, 94])
    assert line["difference"] == pytest.approx(-0.034)
    assert pd.isna(table.iloc[1]["here"])


def test_names_of_papers_and_keys_meet(row, dense):
    where = {"dataset": "cifar10", "network": "vgg16_bn"}
    (sheet,) = published(pd.DataFrame([dense(**where), row(**where)]), ENTRIES).sheets
    assert sheet.title == "CIFAR-10, VGG-16-BN: published and measured"
    assert "l1 (macs=0.5)" in sheet.cells["Here"].tolist()
    assert "[1] github.com/pvti/CORING README (MACs: convolution and linear layers" in sheet.caption


def test_in_a_collection_a_dataset_that_bears_the_name_of_its_study_is_found(row, dense):
    where = {"dataset": "cifar10 (small)", "network": "vgg16_bn"}
    (sheet,) = published(pd.DataFrame([dense(**where), row(**where)]), ENTRIES).sheets
    assert "l1 (macs=0.5)" in sheet.cells["Here"].tolist()


def test_epochs_stand_beside_each_other_and_nothing_is_taken_for_a_reproduction(row, dense):
    where = {"dataset": "cifar10", "network": "resnet20"}
    rows = pd.DataFrame([dense(**where, epochs_finetune=2.0), row(**where, epochs_pretrain=4.0, epochs_learn=3.0)])
    of = {"network": "ResNet-20", "source": "B", "epochs": float("nan")}
    (sheet,) = published(rows, pd.concat([ENTRIES, pd.DataFrame([entry(**of)])], ignore_index=True)).sheets
    lines = sheet.cells[["Method", "Published accuracy", "Published epochs", "Measured epochs"]].to_numpy().tolist()
    assert lines[0] == ["dense", "91.25", "164", "12"]
    assert lines[1] == ["dense E300 schedule", "92.74", "300", "12"]
    assert lines[2] == ["L1", "93.10", "–", "17"]
    assert "trained for 12 to 17 epochs, and reproduce no published run." in sheet.caption
    assert "[1] He et al., Deep Residual Learning for Image Recognition, CVPR 2016, Table 6 (" in sheet.caption


def test_a_study_without_published_accuracies_names_its_tasks(study):
    table = published(study, ENTRIES)
    assert not table.sheets
    assert table.absent == "No published accuracy was found for lenet5 on fashion_mnist, resnet8 on fashion_mnist."


def test_tasks_without_a_published_accuracy_are_named_where_others_have_one(row, dense):
    networks = ["lenet5_wide", "resnet20", "vgg16_bn", "resnet8"]
    rows = [dense(dataset=data, network=network) for network in networks for data in ("cifar10", "cifar10 (small)")]
    first, second = published(pd.DataFrame(rows), ENTRIES).sheets[:2]
    assert first.caption.endswith(" No published accuracy was found for lenet5_wide on cifar10, resnet8 on cifar10.")
    assert "No published accuracy" not in second.caption


def test_an_order_of_methods_names_the_task_without_a_published_accuracy(row, dense):
    entries = pd.DataFrame([entry(key=key, delta=float(place)) for place, key in enumerate(METHODS)])
    (sheet,) = published(order(row, dense, range(8)), entries).sheets
    assert sheet.caption.endswith(" No published accuracy was found for resnet8 on cifar10.")


def test_a_published_network_of_which_no_method_ran_says_so(row):
    table = published(pd.DataFrame([row(dataset="cifar10", network="resnet56", method="mine")]), ENTRIES)
    assert (table.sheets, table.absent) == ([], "No published number is of a method of this study.")


METHODS = ("l1", "l2", "fpgm", "lamp", "taylor", "obd", "hrank", "thinet")


def order(row, dense, ranks) -> pd.DataFrame:
    """A study in which the methods, in the order of METHODS, have these ranks; 8 is the best."""
    where = {"dataset": "cifar10", "network": "resnet8"}
    gains = zip(METHODS, ranks, strict=False)
    return pd.DataFrame(
        [dense(**where), *(row(method=m, test_accuracy=0.8 + rank / 100, **where) for m, rank in gains)]
    )


@pytest.mark.parametrize(
    ("ranks", "said", "higher", "lower"),
    [
        (range(1, 9), "+1.00", "", ""),
        (range(8, 0, -1), "-1.00", "l1 (8, 1), l2 (7, 2)", "thinet (1, 8), hrank (2, 7)"),
        ([1, 2, 3, 4, 5, 8, 6, 7], "+0.93", "obd (3, 1)", "thinet (1, 2), hrank (2, 3)"),
    ],
)
def test_the_order_of_the_methods_is_compared(row, dense, ranks, said, higher, lower):
    entries = pd.DataFrame([entry(key=key, delta=float(place)) for place, key in enumerate(METHODS)])
    (sheet,) = orders(order(row, dense, ranks), entries)
    (line,) = sheet.cells.to_dict("records")
    assert (line["Methods"], line["Rank correlation"]) == ("8", said)
    assert (line["Higher here"], line["Lower here"]) == (higher, lower)
    assert line["Task"] == "cifar10, resnet8, macs=0.5"


@pytest.mark.parametrize("change", [{"macs_removed": 56.0}, {"delta": float("nan")}, {"key": ""}])
def test_an_order_needs_eight_methods_of_the_same_size(row, dense, change):
    entries = [entry(key=key, delta=float(place)) for place, key in enumerate(METHODS)]
    assert orders(order(row, dense, range(8)), pd.DataFrame(entries))
    assert not orders(order(row, dense, range(8)), pd.DataFrame([*entries[1:], entries[0] | change]))
