"""The claims of the switcher network's paper, made testable and judged by the rows.

The claims are those of the abstract of arXiv 2110.05954. Their operational forms are this suite's, and so are the
sizes that count as relevant. docs/statistics.md has the rules.
"""

from __future__ import annotations

import pandas as pd

from benchmarks.report.claims import gates
from benchmarks.report.claims.case import POINTS, Case, equal_or_worse, not_ruled_out
from benchmarks.report.claims.structure import adapts, compresses
from benchmarks.report.stats.comparisons import matched_pairs
from benchmarks.report.stats.estimands import RELEVANT
from benchmarks.report.stats.evidence import OWN_SIZE, Claim, Finding, concluded, family, finding, lost
from benchmarks.report.stats.names import BASELINE
from benchmarks.report.stats.pareto import at_their_macs
from benchmarks.report.stats.summary import FREE, TASK
from benchmarks.schemas.target import Target


def claims(rows: pd.DataFrame) -> list[Claim]:
    """The four claims, judged by these rows."""
    case = Case.of(rows)
    return [_better_than_dense(case), _better_than_others(case), compresses(case), adapts(case)]


def _better_than_dense(case: Case) -> Claim:
    gain = case.against_dense()
    doubts = [f"{gain.outcome} over tasks"] if gain.outcome != "better" else []
    doubts += not_ruled_out([gain])
    verdict, reason = concluded(
        case.broken, case.gaps(BASELINE), [*equal_or_worse([gain]), *lost([gain])], doubts
    )  # fmt: skip
    return Claim(
        1,
        "Better accuracy than the dense baseline, stably and significantly.",
        f"Test accuracy of {case.examined} (unconstrained) minus dense. Holds if it is better over tasks, and on each "
        f"task shown to lose less than {RELEVANT} points. Fails if it is worse or practically equal over tasks, worse "
        "on a task (Holm over tasks), or if a run diverged or collapsed.",
        case.basis(case.free["difference"], case.free, "with a dense run of the same seed"),
        (gain,),
        case.notes,
        verdict,
        reason,
    )


def _better_than_others(case: Case) -> Claim:
    matched = str(Target.match(case.examined))
    planned, free = case.at(matched), [method for method in case.at(FREE) if method not in case.at(matched)]
    pairs, chosen = matched_pairs(case.rows, case.examined), _at_their_size(case, free)
    at_size = pairs[pairs["target"] == matched]
    counted = pd.concat([at_size, chosen[chosen["method"].isin(free)]])
    judged = family([*_leads(case.examined, at_size, planned), *_leads(case.examined, chosen, free, OWN_SIZE)])
    missing = [gap for method in planned for gap in gates.gaps(case.rows, method, matched)]
    missing += [
        gap for method in free for gap in [*gates.gaps(case.rows, method, FREE), *_unreached(case, chosen, method)]
    ]
    missing += [] if judged else ["no other method ran at its size"]
    doubts = [f"{found.name}: {found.outcome} over tasks" for found in judged if found.outcome != "better"]
    doubts += not_ruled_out(judged)
    matching = [gates.broken(case.rows, case.examined, str(Target.match(method))) for method in free]
    broken = "; ".join(filter(None, [case.broken, *matching]))
    verdict, reason = concluded(broken, [*case.gaps(), *missing], [*equal_or_worse(judged), *lost(judged)], doubts)
    return Claim(
        2,
        "Better accuracy than other structure-learning methods.",
        f"Test accuracy of {case.examined} minus that of each method at the same MACs. Methods with target MACs: at "
        f"{matched}. Methods that choose their own size: at the MACs of each of their runs, where the accuracy of "
        f"{case.examined} is that of its own run at {Target.match('<method>')}, or read off the line through its "
        "own runs; at more MACs than its largest run has, that run's accuracy is a lower bound, which can show that it "
        "is better and nothing else. Holds if it is better than each, and on each task shown to lose less than "
        f"{RELEVANT} points; this needs no correction. Fails if it is worse than one of them or practically equal, or "
        "worse on a task (Holm over the methods, and over methods and tasks), or if a run diverged or collapsed. Other "
        "target MACs are shown and do not count: the paper has none.",
        case.basis(counted["difference"], counted, "at equal MACs"),
        (*judged, *_at_targets(case, pairs[pairs["target"] != matched])),
        case.notes,
        verdict,
        reason,
    )


def _leads(examined: str, pairs: pd.DataFrame, methods: list[str], where: str = "") -> list[Finding]:
    values = pairs.set_index(TASK)
    return [
        finding(
            f"{examined} - {method}{where}",
            100 * values.loc[values["method"] == method, "difference"],
            POINTS,
            RELEVANT,
        )
        for method in methods
    ]


def _at_their_size(case: Case, methods: list[str]) -> pd.DataFrame:
    """See `at_their_macs`; a lower bound is left out where not all is shown with it: it shows no loss or equality."""
    chosen = at_their_macs(case.rows, case.examined)
    leads = _leads(case.examined, chosen, methods)
    unshown = [m for m, found in zip(methods, leads, strict=True) if found.outcome != "better" or found.unshown]
    left_out = chosen["bound"] & chosen["method"].isin(unshown)
    return chosen.assign(difference=chosen["difference"].mask(left_out))


def _at_targets(case: Case, pairs: pd.DataFrame) -> list[Finding]:
    """The examined method against each other at every other target; Holm's family is a target."""
    return [
        found
        for target, part in pairs.groupby("target")
        for found in family(_leads(case.examined, part, sorted(part["method"].unique()), f" at {target}"))
    ]


def _unreached(case: Case, chosen: pd.DataFrame, method: str) -> list[str]:
    """Runs of a method at whose MACs the examined one has none: dropping them would choose the easy tasks."""
    count = int(chosen.loc[chosen["method"] == method, "difference"].isna().sum())
    runs = f"{count} run{'s' * (count != 1)}"
    return (
        [f"no accuracy of {case.examined} at the MACs of {runs} of {method} (add {Target.match(method)})"]
        if count
        else []
    )
