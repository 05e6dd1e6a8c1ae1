"""What a claim rests on and how it is written down; its verdicts are in test_planted_studies."""

from __future__ import annotations

import math

import pandas as pd
import pytest
from markdown_it import MarkdownIt

from benchmarks.report.claims.judge import claims
from benchmarks.report.claims.ledger import markdown
from benchmarks.report.stats.evidence import concluded, finding
from tests.report.conftest import make_hostile
from tests.report.planted import dense, failed, method, nulls, study

ZERO = [0.0] * 4


def values(*tasks: list[float]) -> pd.Series:
    index = pd.MultiIndex.from_tuples(
        [("digits", f"net{i}") for i, task in enumerate(tasks) for _ in task], names=["dataset", "network"]
    )
    return pd.Series([x for task in tasks for x in task], index)


def test_a_variant_stands_in_for_the_switcher(row):
    rows = [row(method="switcher,period=3", target="free"), row(target="match:switcher,period=3", test_accuracy=0.8)]
    (found,) = claims(pd.DataFrame(rows))[1].findings
    assert (found.name, found.over.mean) == ("switcher,period=3 - l1", pytest.approx(10))


@pytest.mark.parametrize(("effect", "needed"), [(0.2, 199), (0.5, 34), (0.8, 15)])
def test_detectable_agrees_with_printed_sample_sizes(effect, needed):
    """Paired t-test, two-sided 5 %, 80 % power (Cohen 1988): pairs that an effect of d standard deviations needs."""

    def detectable(n: int) -> float:
        half = [1.0, -1.0] * (n // 2) + [0.0] * (n % 2)
        deviation = math.sqrt(2 * (n // 2) / (n - 1))
        return finding("x", values(*([x] for x in half)), "sd", 0.0).detectable / deviation

    assert detectable(needed) <= effect < detectable(needed - 1)


def test_tasks_needed_for_a_decision():
    """Mean 1, standard deviation 1: an interval above 0.5 takes a half-width below 0.5: t(17) / sqrt(18) = 0.4973."""
    found = finding("x", values([0.0], [1.0], [2.0]), "points", 0.5)
    assert found.outcome == "undecided" and found.needed == 18
    assert finding("x", values([0.5], [0.4], [0.6]), "points", 0.5).needed == math.inf
    assert math.isnan(finding("x", values([1.0, 2.0]), "points", 0.5).needed)


@pytest.mark.parametrize(
    ("parts", "verdict"),
    [
        (("", [], [], []), ("holds", "")),
        (("", [], [], ["a", "b"]), ("undecided", "a; b")),
        (("", [], ["c"], ["a"]), ("fails", "c")),
        (("", ["d"], ["c"], ["a"]), ("not judged", "d")),
        (("e", ["d"], ["c"], ["a"]), ("fails", "e")),
    ],
)
def test_the_gravest_reason_decides(parts, verdict):
    assert concluded(*parts) == verdict


def test_a_run_that_failed_is_named_in_every_claim_on_accuracy():
    rows = study(dense(), failed(method("switcher", ZERO), 1, "collapsed"), nulls())
    assert [claim.reason for claim in claims(rows)[:3]] == ["of 20 runs of switcher, 1 collapsed"] * 3


def test_claim_4_slopes_are_per_tenfold_size_and_per_ten_points_of_error():
    """Two powers of ten in size remove 20 more, so 10 a power; 10 points of error remove 10 less."""
    shares = [20.0, 30.0, 10.0, 20.0]
    larger, harder = claims(study(dense(), method("switcher", ZERO, shares), nulls()))[3].findings
    assert (larger.over.mean, larger.over.df) == (pytest.approx(10), 1)
    assert (harder.over.mean, harder.over.runs) == (pytest.approx(10), 20)


def test_runs_at_target_macs_are_shown_and_do_not_count():
    """Unconstrained it is a point ahead of l1 at the same MACs; at target MACs it is a point behind."""
    rows = [dense(), method("switcher", [1.0] * 4), method("l1", ZERO, target="match:switcher")]
    before = claims(study(*rows))
    rows += [method("switcher", [-1.0] * 4, target="macs=0.5"), method("l1", ZERO, target="macs=0.5")]
    judged = claims(study(*rows))
    assert [c.verdict for c in judged] == [c.verdict for c in before] and judged[1].verdict == "holds"
    assert [found.name for found in judged[1].findings] == ["switcher - l1", "switcher - l1 at macs=0.5"]
    assert judged[1].findings[1].outcome == "worse"
    assert all("Runs at target MACs (macs=0.5) do not count by themselves." in claim.notes for claim in judged)


def test_a_lower_bound_with_which_nothing_is_shown_is_in_no_mean():
    """0.2 points with fewer MACs would read as practically equal; at the same MACs it could be more."""
    rows = study(dense(), method("switcher", [1.0] * 4, [40] * 4), method("sss", [0.8] * 4, [5] * 4))
    (found,) = claims(rows)[1].findings
    assert (found.name, found.over.runs) == ("switcher - sss at its size", 0)


def test_markdown_has_verdicts_first_and_one_line_for_each_finding():
    text = markdown(claims(study(dense(), method("switcher", [1, -1, 0.4, 0.5]), nulls())))
    head, *claimed = text.split("\n## ")
    lines = [line for line in head.splitlines() if "| switcher - dense, points" in line]
    assert len(claimed) == 4 and len(lines) == 2, "claims 1 and 3 have one each"
    assert "undecided" in lines[0] and "Shown from" in head and "Tasks needed" in head
    assert "20 runs with a dense run of the same seed (digits, lenet5; " in claimed[0]
    assert "nan" not in text


def test_markdown_of_a_study_of_one_run_has_no_intervals(row, dense):
    text = markdown(claims(pd.DataFrame([dense(), row(method="switcher", target="free", test_accuracy=0.91)])))
    assert "| +1.00 " in text and "nan" not in text


def test_hard_names_survive_markdown():
    """In how a claim was tested, its rows, its statistics and why the verdict is what it is."""
    html = MarkdownIt().enable("table").render(markdown(claims(make_hostile("<b>|*x*"))))
    for place in ("Tested as: ", "Rests on: ", "<td"):
        assert any("&lt;b&gt;|*x*" in line for line in html.splitlines() if place in line), place
    assert "<b>" not in html and "<em>" not in html
