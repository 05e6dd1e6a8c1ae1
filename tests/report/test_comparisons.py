"""Paired comparisons, ranks and corrections against worked examples."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from benchmarks.report.stats.comparisons import critical_difference, matched, ranking
from benchmarks.report.stats.estimands import holm
from benchmarks.report.stats.names import subject


@pytest.fixture
def rivals(row) -> list[dict]:
    """Switcher 0.90, 0.91, 0.92 against l1 0.89, 0.89, 0.89 at its size: differences 0.01, 0.02, 0.03."""
    own = [row(method="switcher", target="free", seed=i, test_accuracy=a) for i, a in enumerate([0.90, 0.91, 0.92])]
    return own + [row(target="match:switcher", seed=i, test_accuracy=0.89) for i in range(3)]


def test_matched_difference_and_effect_size(rivals):
    (found,) = matched(pd.DataFrame(rivals), "switcher").to_dict("records")
    assert (found["method"], found["pairs"]) == ("l1", 3)
    assert found["difference"] == pytest.approx(0.02)
    assert found["difference_half"] == pytest.approx(0.02484138, rel=1e-6)
    assert found["effect_size"] == pytest.approx(2)
    # t = 0.02 / (0.01 / sqrt(3)) = 3.4641 with 2 degrees of freedom: p = 1 - t / sqrt(t^2 + 2) = 0.0742.
    assert found["p"] == pytest.approx(1 - math.sqrt(12 / 14))
    assert found["p_holm"] == found["p"]


@pytest.mark.parametrize(
    ("labels", "examined"),
    [
        (["dense", "switcher,lr=0.0", "switcher"], "switcher"),
        # A control has a knob more than what it is a control of.
        (["switcher,lr=0.0,reader=equivariant", "switcher,reader=equivariant", "dense"], "switcher,reader=equivariant"),
        (["switcher_transfer", "dense"], "switcher"),
        # Of an interrupted study a control may be all that there is.
        (["switcher,signal=none", "dense"], "switcher"),
        (["switcher,input=noise,lr=0.1", "dense"], "switcher"),
        # Two variants without their method: neither stands for it, and no row is examined.
        (
            ["switcher,batch=held_out", "switcher,through=True", "switcher,batch=held_out,input=noise", "dense"],
            "switcher",
        ),
    ],
)
def test_claims_are_made_for_the_switcher_and_not_for_a_control_of_it(row, labels: list[str], examined: str):
    assert subject(pd.DataFrame([row(method=label) for label in labels])) == examined


def test_matched_ignores_other_targets(rivals, row):
    rows = [*rivals, row(target="macs=0.5", test_accuracy=0.99), row(target="free", test_accuracy=0.99)]
    assert matched(pd.DataFrame(rows), "switcher")["difference"].item() == pytest.approx(0.02)


def test_holm_worked_example():
    """Sorted 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1, then never below the one before."""
    assert holm(np.array([0.01, 0.04, math.nan, 0.03, 0.005])) == pytest.approx(
        [0.03, 0.06, math.nan, 0.06, 0.02], nan_ok=True
    )


def test_holm_never_exceeds_one():
    assert holm(np.array([0.9, 0.8])).tolist() == [1, 1]


def test_holm_agrees_with_statsmodels():
    p = np.random.default_rng(0).uniform(0, 0.2, 20)
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])


@pytest.mark.parametrize(("k", "q"), [(2, 1.960), (3, 2.343), (5, 2.728), (10, 3.164)])
def test_critical_difference_agrees_with_the_printed_table(k, q):
    """Demsar 2006, table 5 (a), Nemenyi at 5 %; with N = k (k + 1) / 6 the difference is q itself."""
    assert critical_difference(k, 6) * math.sqrt(36 / (k * (k + 1))) == pytest.approx(q, abs=1.5e-3)


def ranked(row, table: dict[str, list[float]]) -> list[dict]:
    """A run of each method on every task."""
    return [
        row(method=method, target="macs=0.5", network=f"net{i}", test_accuracy=value)
        for method, values in table.items()
        for i, value in enumerate(values)
    ]


def test_average_ranks_and_friedman(row):
    """Ranks 1 2 3, 1 2 3, 1 3 2, 1 2 3: sums 4, 9, 11; chi2 = 12 / (4 x 3 x 4) x 218 - 3 x 4 x 4 = 6.5, and with 2
    degrees of freedom p = exp(-6.5 / 2)."""
    table = {"a": [0.9] * 4, "b": [0.8, 0.8, 0.7, 0.8], "c": [0.7, 0.7, 0.8, 0.7]}
    found = ranking(pd.DataFrame(ranked(row, table)), "macs=0.5", "a")
    assert list(found.table["method"]) == ["a", "b", "c"]
    assert list(found.table["average_rank"]) == [1, 2.25, 2.75]
    assert (found.n, found.left_out) == (4, [])
    assert found.friedman_p == pytest.approx(math.exp(-3.25))


def test_wilcoxon_against_the_examined_method_with_holm(row):
    """Six wins out of six by different amounts: the exact two-sided p is 2 / 2^6; Holm doubles it for two rivals."""
    table = {"a": [0.9] * 6, "b": [0.8 - i / 100 for i in range(6)], "c": [0.7 - i / 100 for i in range(6)]}
    found = ranking(pd.DataFrame(ranked(row, table)), "macs=0.5", "a").table.set_index("method")
    assert found.loc["b", "p"] == pytest.approx(1 / 32)
    assert found.loc["b", "p_holm"] == pytest.approx(1 / 16)
    assert math.isnan(found.loc["a", "p"])


def test_equal_differences_are_ties_for_wilcoxon_whatever_is_lost_in_rounding(row):
    """0.3 - 0.2, 0.9 - 0.8 and so on are not the same float: their ranks would be 1 to 6."""
    table = {"a": [0.3, 0.9, 0.7, 0.4, 0.2, 0.5], "b": [0.2, 0.8, 0.6, 0.3, 0.3, 0.3]}
    assert len({a - b for a, b in zip(*table.values(), strict=True)}) > 3
    found = ranking(pd.DataFrame(ranked(row, table)), "macs=0.5", "a").table.set_index("method")
    assert found.loc["b", "p"] == pytest.approx(stats.wilcoxon([1, 1, 1, 1, -1, 2]).pvalue)


def test_a_failed_run_ranks_last_and_a_method_that_lacks_a_task_is_left_out(row):
    rows = ranked(row, {"a": [0.5, 0.5, 0.5], "b": [0.9, 0.9], "c": [0.1, 0.6, 0.1]})
    rows[0] |= {"status": "diverged", "test_accuracy": math.nan}
    found = ranking(pd.DataFrame(rows), "macs=0.5", "a")
    assert (found.n, found.left_out) == (3, ["b"])
    assert dict(found.table[["method", "average_rank"]].to_numpy()) == {"a": 5 / 3, "c": 4 / 3}


def test_at_matched_size_the_matched_method_takes_part(rivals):
    found = ranking(pd.DataFrame(rivals), "match:switcher", "switcher")
    assert dict(found.table[["method", "average_rank"]].to_numpy()) == {"switcher": 1.0, "l1": 2.0}
    assert math.isnan(found.friedman_p)


def test_nothing_in_common_is_no_ranking(row):
    rows = [row(method="a"), row(method="b", network="resnet8")]
    found = ranking(pd.DataFrame(rows), "macs=0.5", "a")
    assert found.table.empty and found.left_out == ["a", "b"]


def test_a_task_that_most_methods_lack_is_left_out(row):
    rows = ranked(row, {"a": [0.5, 0.5, 0.5], "b": [0.9, 0.9], "c": [0.1, 0.1]})
    found = ranking(pd.DataFrame(rows), "macs=0.5", "a")
    assert (found.n, found.left_out, list(found.table["method"])) == (2, ["digits net2"], ["b", "a", "c"])


def test_seeds_of_a_task_are_one_rank_whatever_their_number(row):
    """On net0, a has 0.9 and 0.7, a mean of 0.8, as b; a tie, whatever is lost in rounding."""
    rows = [row(method=m, target="macs=0.5", seed=s, test_accuracy=x)
            for m, values in {"a": [0.9, 0.7], "b": [0.8, 0.8]}.items() for s, x in enumerate(values)]  # fmt: skip
    found = ranking(pd.DataFrame(rows), "macs=0.5", "a")
    assert found.n == 1 and dict(found.table[["method", "average_rank"]].to_numpy()) == {"a": 1.5, "b": 1.5}
