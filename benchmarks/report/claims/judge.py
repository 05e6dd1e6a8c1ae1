"""The claims of the switcher network's paper, made testable and judged by the rows.

The claims are those of the abstract of arXiv 2110.05954. Their operational forms are this suite's, and so are the
sizes that count as relevant.
"""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np
import pandas as pd
from scipy import stats

from benchmarks.report.stats.comparisons import matched_pairs
from benchmarks.report.stats.evidence import Claim, Finding, Verdict, finding, overall
from benchmarks.report.stats.names import BASELINE, subject
from benchmarks.report.stats.summary import FREE, TASK, scored
from benchmarks.report.text.words import number
from benchmarks.schemas.target import Target

GAIN = 0.1
"""Smallest gain in test accuracy worth claiming, percentage points."""
REMOVED = 1.0
"""Smallest share of MACs worth removing, percent."""
MARGIN = 0.5
"""Loss of accuracy that still counts as kept, percentage points."""
UNSTABLE = ("diverged", "collapsed")
"""Statuses that speak against stability."""


def claims(rows: pd.DataFrame) -> list[Claim]:
    """The four claims, judged by these rows."""
    examined = subject(rows) or "switcher"
    own = rows[(rows["method"] == examined) & (rows["target"] == FREE)]
    runs = scored(rows)
    free = runs[(runs["method"] == examined) & (runs["target"] == FREE)]
    notes = _without_score(own) + _constrained(examined, rows)
    return [
        _better_than_dense(examined, free, notes, unstable=bool(own["status"].isin(UNSTABLE).any())),
        _better_than_others(examined, rows, notes),
        _compresses(examined, free, notes),
        _adapts(examined, free, runs, notes),
    ]


def _better_than_dense(examined: str, free: pd.DataFrame, notes: list[str], unstable: bool) -> Claim:
    gain = finding(f"{examined} - {BASELINE}", 100 * free["difference"], "points of test accuracy", GAIN)
    means = free.groupby(TASK)["difference"].mean().dropna()
    worse = [", ".join(task) for task in means.index[means <= 0]]
    # "Stably": a run that diverged or collapsed is a counterexample, a task without a mean gain is a doubt.
    stably: Verdict = "fails" if unstable else "undecided" if worse else "holds"
    doubts = [f"No mean gain on: {'; '.join(worse)}."] if worse else []
    return Claim(
        1,
        "Better accuracy than the dense baseline, stably and significantly.",
        f"Test accuracy of {examined} (unconstrained) minus dense, paired by seed, over all tasks (dataset × network). "
        "Holds if the 95 % t-interval lies above 0, the mean gain is positive on each task, and no run diverged or "
        f"collapsed; fails if the interval ends below {GAIN} points or a run diverged or collapsed.",
        _basis(free["difference"], free, "with a dense run of the same seed"),
        (gain,),
        (*notes, *doubts),
        overall([gain.verdict, stably]),
    )


def _better_than_others(examined: str, rows: pd.DataFrame, notes: list[str]) -> Claim:
    pairs = matched_pairs(rows, examined)
    matched = str(Target.match(examined))
    free = pairs["target"] == matched
    findings = _leads(examined, pairs[free])
    planned = rows.loc[rows["target"] == matched, "method"].unique()
    silent = sorted(set(planned) - set(pairs.loc[free, "method"]))
    unpaired = [f"No pair with a score: {', '.join(silent)}."] if silent else []
    return Claim(
        2,
        "Better accuracy than other structure-learning methods.",
        f"Test accuracy of {examined} (unconstrained) minus that of each method at the same MACs, paired by seed. "
        f"Holds if every interval lies above 0; fails if one ends below {GAIN} points. The intervals hold together at "
        f"95 % (Bonferroni). Runs of {examined} at target MACs are shown but do not count: the paper has none.",
        _basis(pairs.loc[free, "difference"], pairs[free], f"of {len(findings)} methods at {matched}"),
        (*findings, *(f for target, part in pairs[~free].groupby("target") for f in _leads(examined, part, target))),
        (*notes, *unpaired),
        overall(found.verdict for found in findings),
    )


def _leads(examined: str, pairs: pd.DataFrame, target: Hashable = None) -> list[Finding]:
    """The examined method against each of these, judged together."""
    at = f" at {target}" if target else ""
    together = pairs["method"].nunique()
    return [
        finding(f"{examined} - {method}{at}", 100 * part["difference"], "points of test accuracy", GAIN, together)
        for method, part in pairs.groupby("method")
    ]


def _compresses(examined: str, free: pd.DataFrame, notes: list[str]) -> Claim:
    removed = finding("MACs removed", 100 * (1 - free["macs_kept"]), "% of dense", REMOVED)
    spare = 100 * free["difference"] + MARGIN
    kept = finding(f"{examined} - {BASELINE} + {MARGIN}", spare, "points of test accuracy", 0)
    params = 100 * (1 - free["params_kept"].mean())
    return Claim(
        3,
        "Compression without a sparsity mechanism.",
        f"Share of MACs that {examined} (unconstrained) removes, and its accuracy against dense, paired by seed. Holds "
        f"if the 95 % t-interval of the share lies above 0 and that of the difference above -{MARGIN} points; fails if "
        f"the first ends below {REMOVED} % or the second below -{MARGIN}. Rows cannot show "
        "that no penalty is at work: see the method's file.",
        _basis(free["macs_kept"], free, ""),
        (removed, kept),
        (*notes, f"Parameters removed: {number(params, '.1f')} % on average."),
        overall([removed.verdict, kept.verdict]),
    )


def _adapts(examined: str, free: pd.DataFrame, runs: pd.DataFrame, notes: list[str]) -> Claim:
    dense = runs[runs["method"] == BASELINE].groupby(TASK)["accuracy"].mean()
    error = (100 * (1 - dense)).rename("dense_error").reset_index()
    table = free.merge(error, on=TASK, how="left")
    table = table.assign(removed=100 * (1 - table["macs_kept"]), size=np.log10(table["params_dense"]))
    by_size = _slopes(table, "dataset", "size")
    by_error = [-10 * slope for slope in _slopes(table, "network", "dense_error")]
    simpler = finding("more removed from larger networks", by_size, "% of MACs per tenfold parameters", REMOVED)
    harder = finding("less removed on harder tasks", by_error, "% of MACs per 10 points of dense error", REMOVED)
    return Claim(
        4,
        "Less compression for simpler baselines or harder tasks.",
        f"Share of MACs that {examined} (unconstrained) removes: its slope over networks of one dataset and seed "
        "(log10 of dense parameters), and minus its slope over datasets of one network and seed (mean test error of "
        f"dense). Holds if both 95 % t-intervals lie above 0; fails if one ends below {REMOVED} %. Networks differ in "
        "more than size, and datasets in more than difficulty: a slope is no proof of a cause.",
        _basis(free["macs_kept"], free, ""),
        (simpler, harder),
        tuple(notes),
        overall([simpler.verdict, harder.verdict]),
    )


def _slopes(table: pd.DataFrame, fixed: str, over: str) -> list[float]:
    """Per seed and value of the fixed column, the least-squares slope of the share removed over the other column."""
    groups = (part for _, part in table.dropna(subset=[over]).groupby([fixed, "seed"]))
    return [stats.linregress(part[over], part["removed"]).slope for part in groups if part[over].nunique() > 1]


def _basis(values: pd.Series, runs: pd.DataFrame, which: str) -> str:
    used = runs[values.notna()]
    there = used[TASK].drop_duplicates()
    where = "; ".join(f"{dataset}, {network}" for dataset, network in there.itertuples(index=False))
    return f"{len(used)} run{'s' * (len(used) != 1)} {which}".rstrip() + (f" ({where})" if where else "")


def _without_score(own: pd.DataFrame) -> list[str]:
    status = own["status"].where((own["status"] != "ok") | own["test_accuracy"].notna(), "unmeasured")
    counts = status[status != "ok"].value_counts().sort_index()
    return [f"Runs without a score: {', '.join(f'{n} {name}' for name, n in counts.items())}."] if len(counts) else []


def _constrained(examined: str, rows: pd.DataFrame) -> list[str]:
    targets = sorted(set(rows.loc[(rows["method"] == examined) & (rows["target"] != FREE), "target"]))
    return [f"Runs at target MACs ({', '.join(targets)}) do not count."] if targets else []
