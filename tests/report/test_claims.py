"""Every verdict of every claim, on rows made to deserve it."""

from __future__ import annotations

import math

import pandas as pd
import pytest
from markdown_it import MarkdownIt

from benchmarks.report.claims.judge import claims
from benchmarks.report.claims.ledger import markdown
from benchmarks.report.stats.evidence import finding, overall
from tests.report.conftest import make_hostile


def judged(number: int, rows: list[dict]) -> str:
    return next(claim.verdict for claim in claims(pd.DataFrame(rows)) if claim.number == number)


@pytest.fixture
def against_dense(row, dense):
    """Dense and switcher runs with these gains in points, one a seed; macs kept of 10000."""

    def make(gains: list[float], macs: float = 8000, **changes) -> list[dict]:
        rows = [dense(seed=seed, test_accuracy=0.9, **changes) for seed in range(len(gains))]
        own = {"method": "switcher", "target": "free", "macs": macs} | changes
        return rows + [row(seed=seed, test_accuracy=0.9 + gain / 100, **own) for seed, gain in enumerate(gains)]

    return make


@pytest.mark.parametrize(
    ("gains", "verdict"),
    [
        ([1.0, 1.1, 0.9], "holds"),
        ([-0.5, -0.4, -0.6], "fails"),
        ([0.00, 0.01, -0.01], "fails"),
        ([1.0, -0.8, 0.4], "undecided"),
        ([1.0], "undecided"),
    ],
)
def test_claim_1_better_than_dense(against_dense, gains, verdict):
    assert judged(1, against_dense(gains)) == verdict


def test_claim_1_a_diverged_run_is_not_stable(against_dense):
    rows = against_dense([1.0, 1.1, 0.9, 1.0])
    rows[-1] |= {"status": "diverged", "test_accuracy": math.nan}
    assert judged(1, rows) == "fails"


def test_claim_1_a_network_without_gain_is_a_doubt(against_dense):
    rows = against_dense([2.0] * 10) + against_dense([-0.01, -0.02], network="resnet8")
    (claim, *_) = claims(pd.DataFrame(rows))
    assert claim.findings[0].verdict == "holds"
    assert claim.verdict == "undecided"
    assert "No mean gain on: digits, resnet8." in claim.notes


@pytest.mark.parametrize(
    ("rivals", "verdict"),
    [
        ({"l1": [1.0, 1.1, 0.9], "uniform": [2.0, 2.1, 1.9]}, "holds"),
        ({"l1": [1.0, 1.1, 0.9], "uniform": [-1.0, -1.1, -0.9]}, "fails"),
        ({"l1": [1.0, 1.1, 0.9], "uniform": [1.0, -1.0, 0.5]}, "undecided"),
        ({}, "undecided"),
    ],
)
def test_claim_2_better_than_others(row, rivals, verdict):
    rows = [row(method="switcher", target="free", seed=seed, test_accuracy=0.9) for seed in range(3)]
    for method, leads in rivals.items():
        cell = {"method": method, "target": "match:switcher"}
        rows += [row(seed=seed, test_accuracy=0.9 - lead / 100, **cell) for seed, lead in enumerate(leads)]
        rows.append(row(method=method, target="macs=0.5", test_accuracy=0.99))
    assert judged(2, rows) == verdict


def test_claim_2_more_rivals_ask_for_more(row):
    """A lead of 0.4, 0.5, 0.6: 0.5 -+ 4.303 x 0.0577 alone, -+ 7.649 x 0.0577 among three: both above 0; with a
    deviation of 0.15 the halves are 0.373 and 0.662, so that only the lone interval stays above 0."""
    rows = [row(method="switcher", target="free", seed=seed, test_accuracy=0.9) for seed in range(3)]
    for method in ("a", "b", "c"):
        for seed, lead in enumerate([0.35, 0.5, 0.65]):
            rows.append(row(method=method, target="match:switcher", seed=seed, test_accuracy=0.9 - lead / 100))
    assert judged(2, [r for r in rows if r["method"] in ("switcher", "a")]) == "holds"
    assert judged(2, rows) == "undecided"


def test_claim_2_names_a_rival_that_never_scored(row):
    rows = [row(method="switcher", target="free"), row(target="match:switcher", status="diverged")]
    assert "No pair with a score: l1." in claims(pd.DataFrame(rows))[1].notes


@pytest.mark.parametrize(
    ("gains", "macs", "verdict"),
    [
        ([0.0, 0.1, -0.1], [8000, 8100, 7900], "holds"),
        ([0.0, 0.1, -0.1], [9990, 9995, 10000], "fails"),
        ([-1.0, -1.1, -0.9], [8000, 8100, 7900], "fails"),
        ([0.0, 0.1, -0.1], [5000, 10000, 9000], "undecided"),
        ([-0.6, 0.1, -0.1], [8000, 8100, 7900], "undecided"),
    ],
)
def test_claim_3_compresses(against_dense, gains, macs, verdict):
    rows = against_dense(gains)
    for run, kept in zip((r for r in rows if r["method"] == "switcher"), macs, strict=True):
        run["macs"] = kept
    assert judged(3, rows) == verdict


def grid(row, dense, removed: dict[tuple[str, str], list[float]]) -> list[dict]:
    """Runs on two networks (10^3 and 10^5 parameters) and two datasets (dense error 10 and 20 points)."""
    rows = []
    for (dataset, network), shares in removed.items():
        where = {"dataset": dataset, "network": network, "params_dense": {"small": 1e3, "large": 1e5}[network]}
        accuracy = {"easy": 0.9, "hard": 0.8}[dataset]
        for seed, share in enumerate(shares):
            rows.append(dense(seed=seed, test_accuracy=accuracy, **where))
            own = {"method": "switcher", "target": "free", "macs": 100 * (100 - share)}
            rows.append(row(seed=seed, test_accuracy=accuracy, **own, **where))
    return rows


CORNERS = [("easy", "small"), ("easy", "large"), ("hard", "small"), ("hard", "large")]


@pytest.mark.parametrize(
    ("shares", "verdict"),
    [
        ([[20, 21], [40, 40.5], [10, 10.5], [30, 30]], "holds"),
        ([[20, 21], [20, 21.5], [10, 10.5], [10, 11]], "fails"),
        ([[20, 21], [40, 40.5], [20, 21.5], [40, 41]], "fails"),
        ([[20, 41], [40, 20.5], [10, 30.5], [30, 10]], "undecided"),
    ],
)
def test_claim_4_adapts(row, dense, shares, verdict):
    assert judged(4, grid(row, dense, dict(zip(CORNERS, shares, strict=True)))) == verdict


def test_claim_4_slopes_are_per_tenfold_size_and_per_ten_points_of_error(row, dense):
    """Two powers of ten in size remove 20 more, so 10 a power; 10 points of error remove 10 less."""
    rows = grid(row, dense, dict(zip(CORNERS, [[20, 20], [40, 40], [10, 10], [30, 30]], strict=True)))
    simpler, harder = claims(pd.DataFrame(rows))[3].findings
    assert (simpler.mean, simpler.n) == (pytest.approx(10), 4)
    assert (harder.mean, harder.n) == (pytest.approx(10), 4)


def test_claim_4_half_of_the_evidence_is_not_enough(row, dense):
    rows = grid(row, dense, {("easy", "small"): [20, 21], ("easy", "large"): [40, 41]})
    assert judged(4, rows) == "undecided"


def test_without_the_switcher_nothing_is_decided(row, dense):
    assert [claim.verdict for claim in claims(pd.DataFrame([dense(), row()]))] == ["undecided"] * 4


def test_a_variant_stands_in_for_the_switcher(row):
    rows = [row(method="switcher,period=3", target="free"), row(target="match:switcher,period=3", test_accuracy=0.8)]
    (found,) = claims(pd.DataFrame(rows))[1].findings
    assert (found.name, found.mean) == ("switcher,period=3 - l1", pytest.approx(10))


def test_a_finding_has_the_t_interval():
    """1, 2, 3: mean 2, sd 1, half-width 4.302653 / sqrt(3) = 2.484138; among two 6.205347 / sqrt(3) = 3.582658."""
    alone = finding("x", [3, 1, 2, math.nan], "points", 0.1)
    assert (alone.n, alone.mean, alone.high) == (3, 2, pytest.approx(4.484138, rel=1e-6))
    assert finding("x", [1, 2, 3], "points", 0.1, among=2).low == pytest.approx(2 - 3.582658, rel=1e-6)


@pytest.mark.parametrize(("effect", "needed"), [(0.2, 199), (0.5, 34), (0.8, 15)])
def test_detectable_agrees_with_printed_sample_sizes(effect, needed):
    """Paired t-test, two-sided 5 %, 80 % power (Cohen 1988): pairs that an effect of d standard deviations needs."""

    def detectable(n: int) -> float:
        half = [1.0, -1.0] * (n // 2) + [0.0] * (n % 2)
        deviation = math.sqrt(2 * (n // 2) / (n - 1))
        return finding("x", half, "sd", 0.1).detectable / deviation

    assert detectable(needed) <= effect < detectable(needed - 1)


@pytest.mark.parametrize(
    ("parts", "verdict"),
    [
        (["holds", "holds"], "holds"),
        (["holds", "undecided"], "undecided"),
        (["holds", "undecided", "fails"], "fails"),
        ([], "undecided"),
    ],
)
def test_the_weakest_part_decides(parts, verdict):
    assert overall(parts) == verdict


def test_markdown_puts_verdicts_first_and_says_what_could_have_been_shown(against_dense):
    text = markdown(claims(pd.DataFrame(against_dense([1.0, -0.8, 0.4]))))
    head, body = text.split("## 1.")
    assert head.count("undecided") >= 2
    # sd 0.9165, (4.302653 + 1.060660) x 0.9165 / sqrt(3) = 2.838.
    assert "with n=3 and this spread" in body
    assert "2.84 points of test accuracy" in body
    assert "3 runs with a dense run of the same seed (digits, lenet5)" in body
    assert "nan" not in text


def test_markdown_with_one_seed_says_that_there_is_no_interval(against_dense):
    text = markdown(claims(pd.DataFrame(against_dense([1.0]))))
    assert "n=1, no interval" in text
    assert "nan" not in text


def test_hard_names_survive_markdown():
    """In how a claim was tested, its rows, its statistics and what is noted of them."""
    html = MarkdownIt().enable("table").render(markdown(claims(make_hostile("<b>|*x*"))))
    for place in ("Tested as: ", "Rests on: ", "<td", "No mean gain on: ", "Undecided: "):
        assert any("&lt;b&gt;|*x*" in line for line in html.splitlines() if place in line), place
    assert "<b>" not in html and "<em>" not in html


def test_runs_at_target_macs_are_shown_and_do_not_count(against_dense, row):
    """Unconstrained it is half a point ahead of l1 at the same MACs; at target MACs it is a point behind."""
    rows = against_dense([1.0, 1.1, 0.9])
    rows += [
        row(target="match:switcher", seed=seed, test_accuracy=0.905 + gain)
        for seed, gain in enumerate([0, 0.001, -0.001])
    ]
    before = [claim.verdict for claim in claims(pd.DataFrame(rows))]
    rows += [row(method="switcher", target="macs=0.5", seed=seed, test_accuracy=0.85) for seed in range(3)]
    rows += [row(target="macs=0.5", seed=seed, test_accuracy=0.86 + seed / 1000) for seed in range(3)]
    rows.append(row(method="switcher", target="macs=0.5", seed=3, status="diverged", test_accuracy=math.nan))
    judged = claims(pd.DataFrame(rows))
    assert [claim.verdict for claim in judged] == before == ["holds", "holds", "holds", "undecided"]
    assert [found.name for found in judged[1].findings] == ["switcher - l1", "switcher - l1 at macs=0.5"]
    assert judged[1].findings[1].verdict == "fails"
    assert all("Runs at target MACs (macs=0.5) do not count." in c.notes for c in judged)


def test_a_study_with_switchers_at_target_macs_alone_decides_nothing(row, dense):
    rows = [dense(seed=s) for s in range(3)]
    rows += [row(method="switcher", seed=s) for s in range(3)] + [row(seed=s, test_accuracy=0.8) for s in range(3)]
    assert [claim.verdict for claim in claims(pd.DataFrame(rows))] == ["undecided"] * 4
