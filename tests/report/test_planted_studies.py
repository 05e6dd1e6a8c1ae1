"""Planted studies: rows that once had the wrong verdict, each by name with the verdict that it must have."""

from __future__ import annotations

import pandas as pd
import pytest

from benchmarks.report.claims.judge import claims
from tests.report.planted import dense, failed, method, nulls, study

MATCH = {"target": "match:switcher"}
ZERO, GOOD = [0.0] * 4, [1.0, 1.1, 0.9, 1.0]
ADAPTIVE = [20.0, 30.0, 10.0, 20.0]
"""Shares removed on easy-small, easy-large, hard-small, hard-large: ten more for ten times the parameters, ten less
for ten points of error."""

STUDIES: dict[str, tuple[pd.DataFrame, dict[int, tuple[str, str]]]] = {
    "all is as claimed": (
        study(dense(), method("switcher", GOOD, ADAPTIVE), nulls(), method("l1", ZERO, **MATCH)),
        {1: ("holds", ""), 2: ("holds", ""), 3: ("holds", ""), 4: ("holds", "")},
    ),
    "runs of a null collapsed": (
        study(dense(), method("switcher", GOOD, ADAPTIVE), failed(nulls(), 18, "collapsed")),
        {3: ("holds", ""), 4: ("holds", "")},
    ),
    "all that is planned is there": (
        study(dense(), method("switcher", GOOD, ADAPTIVE), nulls(), method("l1", ZERO, **MATCH)).assign(planned=100),
        {1: ("holds", ""), 2: ("holds", ""), 3: ("holds", ""), 4: ("holds", "")},
    ),
    "16 of 20 runs diverged": (
        study(dense(), failed(method("switcher", GOOD), 16), nulls(), method("l1", ZERO, **MATCH)),
        dict.fromkeys((1, 2, 3), ("fails", "of 20 runs of switcher, 16 diverged")),
    ),
    "runs are missing": (
        study(dense(), method("switcher", GOOD)[:-1], nulls(), method("l1", ZERO, **MATCH)[1:]),
        {
            1: ("not judged", "of 20 planned runs of switcher at free, 1 missing"),
            2: ("not judged", "of 20 planned runs of l1 at match:switcher, 1 missing"),
        },
    ),
    "a seed is missing everywhere": (
        study(dense(), method("switcher", GOOD), nulls(), method("l1", ZERO, **MATCH)).query("seed != 4")
        .assign(planned=100),
        dict.fromkeys((1, 2, 3, 4), ("not judged", "of 100 planned runs of study test, 20 without a row")),
    ),
    "a task is missing everywhere": (
        study(dense(), method("switcher", GOOD), nulls(), method("l1", ZERO, **MATCH))
        .query("dataset != 'fashion' or network != 'lenet5'").assign(planned=100),
        dict.fromkeys((1, 2, 3, 4), ("not judged", "of 100 planned runs of study test, 25 without a row")),
    ),
    "a method is missing everywhere": (
        study(dense(), method("switcher", GOOD), nulls(), method("l1", ZERO, **MATCH)).assign(planned=120),
        dict.fromkeys((1, 2, 3, 4), ("not judged", "of 120 planned runs of study test, 20 without a row")),
    ),
    "a study of the collection is without one of the methods": (
        study(dense(), method("switcher", GOOD, ADAPTIVE), nulls(), method("l1", ZERO, **MATCH))
        .assign(study=lambda rows: rows["dataset"]).query("method != 'l1' or study != 'fashion'"),
        {1: ("holds", ""), 2: ("undecided", "switcher - l1: undecided over tasks"), 3: ("holds", ""), 4: ("holds", "")},
    ),
    "another method does not support a network": (
        study(dense(), method("switcher", GOOD), failed(method("l1", ZERO, **MATCH), 5, "unsupported")),
        {2: ("not judged", "of 20 planned runs of l1 at match:switcher, 5 unsupported")},
    ),
    "one seed": (
        study(dense([1] * 4), method("switcher", GOOD, seeds=1), method("l1", ZERO, seeds=1, **MATCH)),
        dict.fromkeys((1, 2, 3, 4), ("not judged", "fewer than 3 scored seeds of switcher")),
    ),
    "two pairs": (
        study(dense([2]), method("switcher", [1.0], [20], seeds=2), method("l1", [0.0], [20], seeds=2, **MATCH)),
        dict.fromkeys((1, 2, 3, 4), ("not judged", "fewer than 3 scored seeds of switcher")),
    ),
    "one task": (
        study(dense([5]), method("switcher", [1.0], [20]), method("l1", [0.0], [20], **MATCH)),
        {1: ("not judged", "fewer than 2 tasks"), 2: ("not judged", "fewer than 2 tasks")},
    ),
    "+4 on one task and 0 on three": (
        study(dense(), method("switcher", [4, 0, 0, 0]), method("l1", ZERO, **MATCH)),
        {1: ("undecided", "undecided over tasks"), 2: ("undecided", "switcher - l1: undecided over tasks")},
    ),
    "+1 on two tasks and -1 on two": (
        study(dense(), method("switcher", [1, 1, -1, -1]), nulls()),
        {
            1: ("fails", "switcher - dense: worse on fashion, lenet5"),
            3: ("fails", "switcher - dense: worse on fashion, lenet5"),
        },
    ),
    "an interval of [+0.08, +0.11]": (
        study(dense(), method("switcher", [0.085, 0.09, 0.1, 0.105])),
        {1: ("fails", "practically equal over tasks")},
    ),
    "an interval of [+0.04, +0.06]": (
        study(dense(), method("switcher", [0.045, 0.05, 0.05, 0.055])),
        {1: ("fails", "practically equal over tasks")},
    ),
    "equal within half a point": (
        study(dense(), method("switcher", [0.1, -0.1, 0.1, -0.1]), method("l1", ZERO, **MATCH)),
        {1: ("fails", "practically equal"), 2: ("fails", "switcher - l1: practically equal")},
    ),
    "a forced reading": (
        study(dense(), method("switcher", GOOD, ADAPTIVE), nulls(none=38.0)),
        dict.fromkeys((3, 4), ("not testable", "the form itself removes 38.0 % of the MACs (signal=none)")),
    ),
    "a forced reading, of which runs diverged": (
        study(dense(), failed(method("switcher", GOOD, ADAPTIVE), 2), nulls(none=38.0)),
        {1: ("fails", "2 diverged")}
        | dict.fromkeys((3, 4), ("not testable", "the form itself removes 38.0 % of the MACs (signal=none)")),
    ),
    "a reading of which it is not shown that nothing forces it": (
        study(dense(), method("switcher", GOOD, ADAPTIVE),
              method("switcher,signal=none", ZERO, [0.0, 4.0, 0.0, 0.0]), nulls()[:20]),
        dict.fromkeys((3, 4), ("not testable", "the form itself removes 1.0 % of the MACs (signal=none)")),
    ),
    "no nulls": (
        study(dense(), method("switcher", GOOD, ADAPTIVE)),
        {
            3: ("not judged", "the study has no runs of switcher,signal=none / switcher,signal=random"),
            4: ("not judged", "the study has no runs of switcher,signal=none"),
        },
    ),
    "it removes what a random signal removes": (
        study(dense(), method("switcher", GOOD), nulls(random=20.0)),
        {3: ("fails", "MACs removed beyond signal=random: practically equal")},
    ),
    "twenty seeds on the one task that gains": (
        study(dense([20, 3, 3, 3]), method("switcher", [2, 0, 0, 0])[:0],
              [one for task, n in enumerate([20, 3, 3, 3])
               for one in method("switcher", [2, 0, 0, 0], seeds=n)[task * n:(task + 1) * n]]),
        {1: ("undecided", "undecided over tasks")},
    ),
    "a method that chooses its own size is better": (
        study(dense(), method("switcher", ZERO), method("switcher", [-1] * 4, [60] * 4, target="macs=0.5"),
              method("sss", [1] * 4, [40] * 4)),
        {2: ("fails", "switcher - sss at its size: worse")},
    ),
    "the switcher at the MACs of a method that chooses its own size": (
        study(dense(), method("switcher", ZERO), method("switcher", GOOD, [40] * 4, target="match:sss"),
              method("sss", ZERO, [40] * 4)),
        {2: ("holds", "")},
    ),
    "a method that chooses a size at which nothing ran": (
        study(dense(), method("switcher", GOOD), method("sss", ZERO, [40] * 4)),
        {2: ("not judged", "no accuracy of switcher at the MACs of 20 runs of sss (add match:sss)")},
    ),
    "fewer MACs and more accuracy than a method that chooses its own size": (
        study(dense(), method("switcher", [2.0, 2.1, 1.9, 2.0], [40] * 4), method("sss", [0.8] * 4, [5] * 4)),
        {2: ("holds", "")},
    ),
    "fewer MACs and a little more accuracy, which could be more at theirs": (
        study(dense(), method("switcher", GOOD, [40] * 4), method("sss", [0.8] * 4, [5] * 4)),
        {2: ("not judged", "no accuracy of switcher at the MACs of 20 runs of sss (add match:sss)")},
    ),
    "better on three tasks with fewer MACs, worse on one with equal ones": (
        study(dense(), method("switcher", [2, 2, 2, -4], [40] * 4), method("sss", ZERO, [5, 5, 5, 40])),
        {2: ("not judged", "no accuracy of switcher at the MACs of 15 runs of sss (add match:sss)")},
    ),
    "nearly dense, and no network of the switcher is": (
        study(dense(), method("switcher", [-5.0, -5.1, -4.9, -5.0], [80] * 4), method("sss", [-1.2] * 4, [3] * 4)),
        {2: ("not judged", "no accuracy of switcher at the MACs of 20 runs of sss (add match:sss)")},
    ),
    "all runs of dense diverged on one task": (
        study(failed(dense()[15:], 5), dense()[:15], method("switcher", GOOD, ADAPTIVE), nulls()),
        dict.fromkeys((1, 3), ("not judged", "fewer than 3 scored seeds of dense at free on fashion resnet8")),
    ),
    "all runs of another method diverged on one task": (
        study(dense(), method("switcher", GOOD), method("l1", ZERO, **MATCH)[:15],
              failed(method("l1", ZERO, **MATCH)[15:], 5)),
        {2: ("not judged", "fewer than 3 scored seeds of l1 at match:switcher on fashion resnet8")},
    ),
    "the switcher diverged at the MACs of another method": (
        study(dense(), method("switcher", GOOD), method("switcher", GOOD, [60] * 4, target="macs=0.4"),
              failed(method("switcher", GOOD, [40] * 4, target="match:sss"), 20), method("sss", ZERO, [40] * 4)),
        {2: ("fails", "of 20 runs of switcher at match:sss, 20 diverged")},
    ),
    "both keep all MACs": (
        study(dense(), method("switcher", [2] * 4, [0] * 4), method("sss", ZERO, [0] * 4)),
        {2: ("holds", "")},
    ),
    "sizes do not matter": (
        study(dense(), method("switcher", ZERO, [20.0, 20.0, 10.0, 10.0]), nulls()),
        {4: ("fails", "more removed from larger networks: practically equal")},
    ),
    "without the switcher": (
        study(dense(), method("l1", ZERO, target="macs=0.5")),
        dict.fromkeys((1, 2, 3, 4), ("not judged", "no run of switcher at free")),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", STUDIES)
def test_a_planted_study_has_its_verdict(name: str) -> None:
    rows, expected = STUDIES[name]
    judged = {claim.number: claim for claim in claims(rows)}
    found = {number: (judged[number].verdict, judged[number].reason) for number in expected}
    assert {number: verdict for number, (verdict, _) in found.items()} == {n: v for n, (v, _) in expected.items()}, (
        found
    )
    assert all(reason in found[number][1] for number, (_, reason) in expected.items()), found


def test_what_all_methods_lack_is_said_once() -> None:
    assert claims(STUDIES["one task"][0])[0].reason == "fewer than 2 tasks"


def test_claim_2_rests_on_the_runs_that_count() -> None:
    rows = study(dense(), method("switcher", GOOD), method("switcher", ZERO, [60] * 4, target="macs=0.4"),
                 method("l1", ZERO, [60] * 4, target="macs=0.4"), method("sss", ZERO, [40] * 4))  # fmt: skip
    assert claims(rows)[1].basis.startswith("20 runs at equal MACs (")


def test_tasks_needed_are_more_than_there_are_where_a_plane_is_undecided() -> None:
    """Slope 9.75, interval [0.22, 19.28], one degree of freedom of four tasks: with five, and two, it decides."""
    rows = study(dense(), method("switcher", [1] * 4, [20, 30.5, 11, 20]), nulls())
    found = claims(rows)[3].findings[0]
    assert (found.outcome, found.over.df, found.needed) == ("undecided", 1, 5)


def test_unequal_seeds_do_not_weight_tasks() -> None:
    """+2 on one of four tasks is half a point, however many seeds it has."""
    gain = claims(STUDIES["twenty seeds on the one task that gains"][0])[0].findings[0]
    assert (gain.over.mean, gain.over.tasks, gain.over.runs) == (pytest.approx(0.5, abs=0.02), 4, 29)


def test_a_verdict_that_rests_on_one_task_is_marked() -> None:
    """Means +4, 0, 0, 0: without the first, all that is left is equal to zero."""
    gain = claims(STUDIES["+4 on one task and 0 on three"][0])[0].findings[0]
    assert gain.without["digits, lenet5"].mean == pytest.approx(0)
    assert gain.outcomes_without["digits, lenet5"] == "practically equal" != gain.outcome
