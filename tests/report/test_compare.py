"""Own rows against published ones: what agrees, what differs, what is undecided."""

from __future__ import annotations

import io
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from scipy import stats

from benchmarks.report.stats import reproduction
from benchmarks.report.tables import compare
from benchmarks.report.text import sheets
from tests.report.conftest import make_row, make_study

HARD = "<script>alert('ü')</script>|[bold]"


def cell(accuracies: list[float], **changes: object) -> pd.DataFrame:
    """One cell with these accuracies in percent, a seed each."""
    return pd.DataFrame(
        [make_row(seed=seed, test_accuracy=value / 100, **changes) for seed, value in enumerate(accuracies)]
    )


def failed(rows: pd.DataFrame, where: pd.Series, status: str) -> pd.DataFrame:
    return rows.assign(status=rows["status"].mask(where, status), test_accuracy=rows["test_accuracy"].mask(where))


def verdict(own: list[float], published: list[float]) -> str:
    (line,) = reproduction.compare(cell(own), cell(published)).cells.itertuples()
    return str(line.verdict)


def test_a_study_against_itself_is_the_same_to_the_bit() -> None:
    study = make_study(["dense", "switcher", "sss"])
    found = reproduction.compare(study, study.copy())
    table = found.cells
    assert set(table["verdict"]) == {"identical"}
    assert (table["identical"] == table["rows"]).all() and (table["same_hashes"] == table["rows"]).all()
    assert compare.conclusion(found).startswith(
        f"reproduced: {len(table)} of {len(table)} cells agree within 0.5 points of test accuracy ({len(table)} of"
    )


@pytest.mark.parametrize(
    ("own", "published", "expected"),
    [
        ([90.0, 91.0, 92.0], [90.0, 91.0, 92.0], "identical"),
        ([90.0, 91.0, 92.0], [90.05, 91.0, 91.96], "agrees"),
        ([90.1, 91.1, 92.1], [90.0, 91.0, 92.0], "agrees"),  # all moved alike: no spread, and no t-statistic
        ([92.0, 93.0, 94.0], [90.0, 91.0, 92.0], "differs"),  # likewise
        ([92.0, 93.1, 94.0, 90.9], [90.0, 91.0, 92.0, 89.0], "differs"),
        ([90.0, 95.0, 92.0], [91.0, 93.0, 92.0], "undecided"),
        ([90.0], [90.1], "undecided"),
        ([90.0, 91.0, math.nan], [90.0, 91.0, 92.0], "differs"),
    ],
)
def test_verdicts(own: list[float], published: list[float], expected: str) -> None:
    assert verdict(own, published) == expected


def test_seeds_are_paired_by_number_and_not_by_place() -> None:
    own, published = cell([90.0, 95.0, 99.0]), cell([90.1, 95.0, 99.1])
    (line,) = reproduction.compare(own, published.iloc[::-1]).cells.itertuples()
    assert (line.pairs, round(line.difference, 3), line.verdict) == (3, -0.067, "agrees")


def test_the_statistics_are_those_of_scipy() -> None:
    own, published = [90.3, 91.0, 92.4, 90.0], [90.0, 91.1, 92.0, 90.1]
    (line,) = reproduction.compare(cell(own), cell(published)).cells.itertuples()
    test = stats.ttest_rel(own, published)
    low, high = test.confidence_interval()
    assert [line.p, line.low, line.high] == pytest.approx([test.pvalue, low, high])
    shifted = [p - reproduction.MARGIN for p in published], [p + reproduction.MARGIN for p in published]
    above = stats.ttest_rel(own, shifted[0], alternative="greater").pvalue
    below = stats.ttest_rel(own, shifted[1], alternative="less").pvalue
    assert line.p_tost == pytest.approx(max(above, below))
    assert line.inside


def test_one_pair_has_no_p_value_and_counts_in_no_correction() -> None:
    (line,) = reproduction.compare(cell([90.0]), cell([90.1])).cells.itertuples()
    assert all(math.isnan(value) for value in (line.low, line.p, line.p_holm, line.p_tost))


def test_the_published_mean_may_lie_outside() -> None:
    (line,) = reproduction.compare(cell([90.0, 90.1, 90.2]), cell([80.0, 80.1, 80.2])).cells.itertuples()
    assert line.inside is False and line.verdict == "differs"


def test_equal_hashes_with_unequal_results_are_reported() -> None:
    own = cell([90.0, 91.0], code_hash="c", config_hash="k")
    table = reproduction.compare(own, cell([90.0, 91.1], code_hash="c", config_hash="k"))
    assert (table.cells["same_hashes"].item(), table.cells["identical"].item()) == (2, 1)
    assert "At least 1 rows of the same code and config differ" in compare.conclusion(table)
    other = reproduction.compare(own, cell([90.0, 91.1], code_hash="d", config_hash="k"))
    assert other.cells["same_hashes"].item() == 0 and "the same code and config" not in compare.conclusion(other)


def test_runs_that_all_moved_are_not_reproduced_though_every_cell_agrees() -> None:
    study = make_study(["dense", "switcher", "l1"])
    moved = study.assign(test_accuracy=study["test_accuracy"] - 0.004)
    found = reproduction.compare(moved, study)
    assert set(found.cells["verdict"]) == {"agrees"} and found.outcome == "not reproduced"
    assert (
        "Mean over all cells: -0.40 (-0.40 to -0.40) points, n=6 tasks and seeds; they have moved."
        in compare.conclusion(found)
    )


def test_noise_of_another_machine_is_no_shift() -> None:
    study = make_study(["dense", "switcher", "l1"], seeds=5)
    noise = np.random.default_rng(1).normal(0, 0.001, len(study))
    found = reproduction.compare(study.assign(test_accuracy=study["test_accuracy"] + noise), study)
    assert found.outcome == "reproduced" and "no shift is shown" in compare.conclusion(found)
    assert found.shift["pairs"] == 10


def test_rows_of_another_version_are_marked_and_never_reproduced() -> None:
    study = make_study(["dense", "l1"])
    assert reproduction.compare(study.assign(version="0.1.3"), study).outcome == "reproduced"
    found = reproduction.compare(study.assign(version="0.2.0"), study)
    assert compare.conclusion(found).startswith("not comparable: ")
    assert "Rows of versions 0.2 and 0.1 are not comparable." in compare.conclusion(found)


@pytest.mark.parametrize("methods", [["dense"], ["dense", "l1"]])
def test_cells_that_all_collapsed_here_are_not_reproduced(methods: list[str]) -> None:
    """Those that did not run leave it undecided."""
    study = make_study(["dense", "l1", "switcher"])
    collapsed = failed(study, ~study["method"].isin(methods), "collapsed")
    assert reproduction.compare(collapsed, study).outcome == "not reproduced"
    assert reproduction.compare(study[study["method"].isin(methods)], study).outcome == "undecided"


def test_one_agreeing_cell_of_many_reproduces_nothing() -> None:
    values = [90.0, 91.0, 92.0], [89.0, 93.0, 92.0]
    published, wide = ([cell(side, method=f"m{i}") for i in range(10)] for side in values)
    found = reproduction.compare(pd.concat([published[0], *wide[1:]]), pd.concat(published))
    assert compare.conclusion(found).startswith("undecided: 1 of 10 cells agree")
    assert found.cells["verdict"].value_counts()["undecided"] == 9


def test_runs_that_failed_on_one_side_alone_make_a_cell_differ_and_are_counted() -> None:
    study = make_study(["dense", "l1"], seeds=5)
    own = failed(study, (study["method"] == "l1") & study["seed"].isin([0, 1]), "diverged")
    (_, dense), (_, l1) = reproduction.compare(own, study).cells.groupby("method")["verdict"]
    assert (set(dense), set(l1)) == ({"identical"}, {"differs"})
    for one, other, words in ((own, study, "8 in the own rows, 0 in the"), (study, own, "0 in the own rows, 8 in the")):
        found = compare.conclusion(reproduction.compare(one, other))
        assert found.startswith("not reproduced: ") and f"Runs that failed on one side alone: {words}" in found
    found = compare.conclusion(reproduction.compare(own, own))
    assert found.startswith("reproduced: ") and "failed" not in found


def test_a_run_that_failed_in_another_way_makes_a_cell_differ() -> None:
    ways = [failed(cell([90.0, 91.0, 92.0]), pd.Series([True, False, False]), way) for way in ("diverged", "collapsed")]
    assert reproduction.compare(*ways).cells["verdict"].item() == "differs"


def test_a_latency_does_not_make_a_row_another() -> None:
    own = cell([90.0, 91.0], latency_cpu_b1_ms=3.0, finished_at="later")
    assert reproduction.compare(own, cell([90.0, 91.0])).cells["verdict"].item() == "identical"


def test_cells_of_one_side_alone_are_counted_and_compared_with_nothing() -> None:
    both = pd.concat([cell([90.0, 91.0]), cell([90.0, 91.0], method="sss", target="free")])
    table = reproduction.compare(both, cell([90.0, 91.0]))
    assert table.cells.set_index("method")["verdict"].to_dict() == {"l1": "identical", "sss": "not comparable"}
    assert "1 of 2 cells agree" in compare.conclusion(table) and "1 not comparable" in compare.conclusion(table)


def test_everything_is_escaped_and_ends_with_the_conclusion() -> None:
    hard = cell([90.0, 91.0], method=HARD, dataset=HARD, target=HARD)
    table = reproduction.compare(hard, hard)
    written = {suffix: sheets.WRITERS[suffix](compare.tables(table)) for suffix in (".csv", ".md", ".html")}
    assert "<script" not in written[".html"] + written[".md"].replace("\\<script", "")
    assert all(compare.conclusion(table) in written[suffix] for suffix in (".md", ".html"))
    assert list(pd.read_csv(io.StringIO(written[".csv"]))["method"]) == [HARD]
    console = Console(file=io.StringIO(), width=240)
    compare.show(table, console)
    printed = console.file.getvalue()  # type: ignore[attr-defined]
    assert printed.count(HARD) == 3 and printed.rstrip().endswith(compare.conclusion(table))


@given(st.lists(st.floats(0, 100), min_size=1, max_size=6), st.lists(st.floats(0, 100), min_size=1, max_size=6))
def test_changing_sides_changes_signs_alone(own: list[float], published: list[float]) -> None:
    one = reproduction.compare(cell(own), cell(published)).cells.iloc[0]
    other = reproduction.compare(cell(published), cell(own)).cells.iloc[0]
    assert one["verdict"] == other["verdict"]
    for name, mirrored in {"difference": "difference", "low": "high", "high": "low"}.items():
        assert one[name] == pytest.approx(-other[mirrored], nan_ok=True, abs=1e-6)
