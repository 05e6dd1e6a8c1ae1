"""The claims on the structures that the switcher finds: how much it removes, and from which networks on which tasks.

Both need to know what a method removes by itself. A null is the same method without its signal: `signal=none` has no
gradient of the loss, `signal=random` one of random sign. A form that removes channels without a signal is forced: its
compression says nothing of what it learned.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from benchmarks.report.claims import gates
from benchmarks.report.claims.case import REMOVED, SHARE, Case, equal_or_worse, not_ruled_out
from benchmarks.report.stats.estimands import RELEVANT, Estimate, fixed_tasks, noninferior
from benchmarks.report.stats.evidence import Claim, Finding, Verdict, concluded, family, finding, lost
from benchmarks.report.stats.names import BASELINE, NULLS
from benchmarks.report.stats.summary import FREE, TASK
from benchmarks.report.text.words import number
from benchmarks.schemas.record import MEASURED

FEWEST = 4
"""Tasks that a plane through share removed, size and difficulty needs to have an error."""


def compresses(case: Case) -> Claim:
    """Claim 3."""
    beyond = family([_beyond(case, label, knob) for knob, label in case.nulls().items() if label])
    gain = case.against_dense()
    doubts = [f"{found.name}: {found.outcome} over tasks" for found in beyond if found.outcome != "better"]
    doubts += [] if noninferior(gain.over) else [f"a loss of {RELEVANT} points is not ruled out over tasks"]
    doubts += not_ruled_out([gain])
    against = [*equal_or_worse(beyond), *lost([gain])]
    against += [f"{gain.name}: worse over tasks"] if gain.outcome == "worse" else []
    verdict, reason = _unless_forced(
        case, concluded(case.broken, [*case.gaps(BASELINE), *_missing(case, *NULLS)], against, doubts)
    )
    kept = case.free.groupby(TASK)[["params_kept", "macs_kept"]].mean().mean()
    params, share = (number(100 * (1 - kept[name]), ".1f") for name in ("params_kept", "macs_kept"))
    return Claim(
        3,
        "Compression without a sparsity mechanism.",
        f"MACs that {case.examined} (unconstrained) removes beyond each null, paired by seed: the same method without "
        f"a gradient of the loss ({NULLS[0]}), and with one of random sign ({NULLS[1]}). Runs of these that collapsed "
        f"count. Holds if it removes more than {REMOVED:g} % of the dense MACs beyond both, and is shown to lose less "
        f"than {RELEVANT} points against dense, over tasks and on each task. Fails if it removes no more than one of "
        "the nulls (Holm), is worse than dense over tasks or on one of them, or if a run diverged or collapsed. Not "
        f"testable unless {NULLS[0]} is shown to remove at most {REMOVED:g} %.",
        case.basis(case.free["macs_kept"], case.free),
        (*beyond, gain),
        (*case.notes, f"Removed in all, on average: {share} % of the MACs, {params} % of the parameters."),
        verdict,
        reason,
    )


def _beyond(case: Case, label: str, knob: str) -> Finding:
    pairs = case.free.merge(_sizes(case, label), on=[*TASK, "seed"], suffixes=("", "_null"), validate="one_to_one")
    more = 100 * (pairs["macs_kept_null"] - pairs["macs_kept"]).round(12)
    return finding(f"MACs removed beyond {knob}", more.set_axis(_tasks(pairs)), SHARE, REMOVED)


def _sizes(case: Case, label: str) -> pd.DataFrame:
    """The unconstrained runs of a null that have MACs, those that collapsed included."""
    runs = gates.runs_of(case.rows, label, FREE).query("status in @MEASURED and macs.notna()")
    return runs.assign(macs_kept=runs["macs"] / runs["macs_dense"])


def _missing(case: Case, *knobs: str) -> list[str]:
    found = case.nulls()
    absent = [f"{case.examined},{knob}" for knob in knobs if found[knob] is None]
    there = [label for knob in knobs if (label := found[knob]) is not None]
    gaps = [gap for label in there for gap in gates.gaps(case.rows, label, FREE, MEASURED)]
    return ([f"the study has no runs of {' / '.join(absent)}"] if absent else []) + gaps


def _unless_forced(case: Case, concluded: tuple[Verdict, str]) -> tuple[Verdict, str]:
    """Not testable where the form removes channels without any signal, whatever became of the runs with one."""
    label = case.nulls()[NULLS[0]]
    if label is None or gates.gaps(case.rows, label, FREE, MEASURED):
        return concluded
    removed = finding("", 100 * (1 - _sizes(case, label).set_index(TASK)["macs_kept"]), SHARE, REMOVED)
    if not removed.fixed.runs or removed.outcome_here == "practically equal":
        return concluded
    return "not testable", f"the form itself removes {number(removed.fixed.mean, '.1f')} % of the MACs ({NULLS[0]})"


def adapts(case: Case) -> Claim:
    """Claim 4."""
    error = 100 * (1 - case.runs[case.runs["method"] == BASELINE].groupby(TASK)["accuracy"].mean())
    table = case.free.merge(error.rename("error").reset_index(), on=TASK)
    table = table.assign(size=np.log10(table["params_dense"]), removed=100 * (1 - table["macs_kept"]))
    findings = family(
        [
            _slope("more removed from larger networks", table, "size", 1, f"{SHARE} per tenfold parameters"),
            _slope("less removed on harder tasks", table, "error", -10, f"{SHARE} per 10 points of dense error"),
        ]
    )
    gaps = [*case.gaps(BASELINE), *_missing(case, NULLS[0])]
    flat = f"sizes and difficulties of the tasks (at least {FEWEST}) do not vary independently"
    gaps += [] if findings[0].over.runs else [flat]
    doubts = [f"{found.name}: {found.outcome}" for found in findings if found.outcome != "better"]
    verdict, reason = _unless_forced(case, concluded("", gaps, equal_or_worse(findings), doubts))
    return Claim(
        4,
        "Less compression for simpler baselines or harder tasks.",
        f"One linear model over the tasks: the share of MACs that {case.examined} (unconstrained) removes, on the "
        "log10 of the dense parameters and on the test error of dense. Every task is one point, the mean over its "
        f"seeds. Holds if both slopes are better than {REMOVED:g} % in the claimed direction; fails if one is worse or "
        f"practically equal (Holm). Not testable unless {NULLS[0]} is shown to remove at most {REMOVED:g} %: a layer "
        "must be able to keep everything. Networks differ in more than size, and datasets in more than difficulty: a "
        "slope is no proof of a cause.",
        case.basis(case.free["macs_kept"], case.free),
        tuple(findings),
        case.notes,
        verdict,
        reason,
    )


def _slope(name: str, table: pd.DataFrame, column: str, scale: float, unit: str) -> Finding:
    """The slope over a column at equal values of the other, times the scale."""
    over, fixed = _plane(table, column, scale)
    tasks = table[TASK].drop_duplicates()
    parts = {
        ", ".join(map(str, task)): table[(table[TASK] != list(task)).any(axis=1)]
        for task in tasks.itertuples(index=False)
        if len(tasks) > FEWEST
    }
    return Finding(
        name, unit, REMOVED, over, fixed, without={task: _plane(p, column, scale)[0] for task, p in parts.items()}
    )


def _plane(table: pd.DataFrame, column: str, scale: float) -> tuple[Estimate, Estimate]:
    """Least squares over task means: the error of residuals between tasks, and that of the seeds within them."""
    from statsmodels.regression.linear_model import OLS  # slow to import, and needed here alone

    means = table.groupby(TASK)[["removed", "size", "error"]].mean()
    design = means[["size", "error"]].assign(one=1.0)
    nothing = Estimate(math.nan, math.nan, math.nan, len(means), 0)
    if len(means) < FEWEST or np.linalg.matrix_rank(design - design.mean() + [0, 0, 1], tol=1e-6) < 3:
        return nothing, nothing
    fit = OLS(means["removed"], design).fit()
    shares = scale * np.linalg.pinv(design)[list(design).index(column)]
    fixed = fixed_tasks(table.set_index(TASK)["removed"], dict(zip(means.index, shares, strict=True)))
    error = max(float(fit.bse[column]) * abs(scale), 0.0 if math.isnan(fixed.error) else fixed.error)
    return Estimate(fixed.mean, error, fit.df_resid, fixed.tasks, fixed.runs), fixed


def _tasks(pairs: pd.DataFrame) -> pd.MultiIndex:
    return pd.MultiIndex.from_frame(pairs[TASK])
