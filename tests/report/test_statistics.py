"""Means, intervals and counts against numbers worked out by hand."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
import pytest

from benchmarks.report.stats.rows import read_rows
from benchmarks.report.stats.summary import scored, summary

# Three values m - d, m, m + d have a standard deviation of d; Student's t for 2 degrees of freedom is 4.302653 at
# 97.5 % (printed tables), so the half-width of their 95 % interval is 4.302653 d / sqrt(3) = 2.484138 d.
THREE = 2.484138


def line(table: pd.DataFrame, method: str) -> pd.Series:
    (found,) = (row for _, row in table.iterrows() if row["method"] == method)
    return found


@pytest.fixture
def pairs(row, dense):
    """Dense 0.90, 0.80, 0.70 and l1 0.91, 0.82, 0.73: the differences are 0.01, 0.02, 0.03."""
    rows = [dense(seed=i, test_accuracy=a) for i, a in enumerate([0.90, 0.80, 0.70])]
    return pd.DataFrame(rows + [row(seed=i, test_accuracy=a) for i, a in enumerate([0.91, 0.82, 0.73])])


def test_mean_and_interval_over_seeds(pairs):
    found = line(summary(pairs), "l1")
    assert found["n"] == 3
    assert found["accuracy"] == pytest.approx(0.82)
    assert found["accuracy_half"] == pytest.approx(0.09 * THREE, rel=1e-6)


def test_the_difference_is_paired_by_seed(pairs):
    shuffled = pairs.sample(frac=1, random_state=1)
    found = line(summary(shuffled), "l1")
    assert (found["difference"], found["pairs"]) == (pytest.approx(0.02), 3)
    assert found["difference_half"] == pytest.approx(0.01 * THREE, rel=1e-6)


def test_ratios_to_dense(pairs):
    found = line(summary(pairs), "l1")
    assert (found["macs_kept"], found["params_kept"]) == (0.5, 0.5)
    assert (found["cost"], found["cost_half"]) == (0.75, 0)
    assert found["speedup_cpu"] == 2
    assert math.isnan(found["speedup_gpu"])


def test_only_latencies_that_were_taken_together_are_compared(row, dense):
    """A study of two days, or of two machines, has no speed-up between them."""
    rows = [dense(seed=seed, timed_at="2026-11-28T12:00:00+00:00") for seed in range(2)]
    rows += [row(seed=0, timed_at="2026-11-28T12:00:00+00:00"), row(seed=1, timed_at="2026-11-29T12:00:00+00:00")]
    speedups = scored(pd.DataFrame(rows)).query("method == 'l1'").sort_values("seed")["speedup_cpu"].tolist()
    assert speedups[0] == 2 and math.isnan(speedups[1])


def test_the_cost_is_the_mean_of_paired_ratios(row, dense):
    rows = [dense(seed=0, train_macs=2e6), dense(seed=1, train_macs=8e6)]
    rows += [row(seed=0, train_macs=2e6), row(seed=1, train_macs=4e6)]
    assert line(summary(pd.DataFrame(rows)), "l1")["cost"] == 0.75


def test_one_seed_has_no_interval(row, dense):
    found = line(summary(pd.DataFrame([dense(), row()])), "l1")
    assert found["n"] == 1
    assert math.isnan(found["accuracy_half"])
    assert math.isnan(found["difference_half"])


def test_a_dense_run_without_a_score_leaves_its_seed_unpaired(pairs):
    pairs.loc[(pairs["method"] == "dense") & (pairs["seed"] == 2), ["status", "test_accuracy"]] = ["diverged", math.nan]
    found = line(summary(pairs), "l1")
    assert (found["n"], found["pairs"]) == (3, 2)
    assert found["difference"] == pytest.approx(0.015)


def test_without_dense_there_is_no_difference(row):
    found = line(summary(pd.DataFrame([row()])), "l1")
    assert (found["n"], found["pairs"]) == (1, 0)
    assert math.isnan(found["difference"])


def test_every_seed_is_counted_once(row, dense):
    rows = [dense(seed=i) for i in range(6)]
    rows += [row(seed=0), row(seed=1, status="diverged", test_accuracy=math.nan), row(seed=2, test_accuracy=math.nan)]
    rows += [row(seed=3, status="collapsed", test_accuracy=0.1), row(seed=4, status="unsupported")]
    found = line(summary(pd.DataFrame(rows)), "l1")
    kinds = ["seeds", "n", "diverged", "collapsed", "unsupported", "missing"]
    assert list(found[kinds]) == [6, 1, 1, 1, 1, 2]
    assert found["accuracy"] == 0.9


def test_a_cell_that_ran_elsewhere_is_missing_here(row, dense):
    rows = [dense(), row(), dense(network="resnet8")]
    table = summary(pd.DataFrame(rows))
    (found,) = table[(table["network"] == "resnet8") & (table["method"] == "l1")].to_dict("records")
    assert (found["seeds"], found["n"], found["missing"]) == (1, 0, 1)
    assert math.isnan(found["accuracy"])


def test_other_networks_and_datasets_are_not_pairs(row, dense):
    rows = [dense(test_accuracy=0.5), dense(network="resnet8", test_accuracy=0.8), row(network="resnet8")]
    assert scored(pd.DataFrame(rows)).query("method == 'l1'")["difference"].item() == pytest.approx(0.1)


def test_order_is_dense_then_target_then_accuracy(row, dense):
    rows = [row(method="worse", test_accuracy=0.7), row(method="better", test_accuracy=0.8)]
    rows += [row(method="chooser", target="free", test_accuracy=0.1), row(method="failed", status="diverged"), dense()]
    assert list(summary(pd.DataFrame(rows))["method"]) == ["dense", "chooser", "better", "worse", "failed"]


def test_rows_come_back_from_a_file_as_they_were(study, tmp_path: Path):
    study["code_hash"] = "012345678901"
    study["dataset"] = "NA"
    study.to_csv(tmp_path / "rows.csv", index=False)
    read = read_rows(tmp_path / "rows.csv")
    assert list(read["code_hash"].unique()) == ["012345678901"]
    assert list(read["dataset"].unique()) == ["NA"]
    pd.testing.assert_frame_equal(summary(read), summary(study), check_dtype=False, check_exact=True)


def broken(study: pd.DataFrame, path: Path) -> str:
    study.to_csv(path, index=False)
    with pytest.raises(ValueError) as error:
        read_rows(path)
    return str(error.value)


def test_an_older_file_is_named_with_its_version_and_what_it_lacks(study, tmp_path: Path):
    study["version"] = "0.0.9"
    message = broken(study.drop(columns=["train_macs", "reason"]), tmp_path / "rows.csv")
    assert "rows.csv" in message
    assert "reason, train_macs" in message
    assert "0.0.9" in message


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("status", "exploded", ["exploded", "diverged"]),
        ("macs", "many", ["macs", "many"]),
        ("seed", 1, ["two rows", "dense"]),
        ("version", "0.2.0", ["0.1, 0.2"]),
    ],
)
def test_a_file_that_cannot_be_read_right_is_refused(study, tmp_path: Path, column, value, words):
    study[column] = study[column].astype(object)
    study.loc[0, column] = value
    message = broken(study, tmp_path / "rows.csv")
    assert all(word in message for word in words)


def test_a_file_without_rows_is_refused(study, tmp_path: Path):
    assert "no rows" in broken(study.head(0), tmp_path / "rows.csv")
