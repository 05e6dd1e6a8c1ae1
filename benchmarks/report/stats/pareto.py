"""Accuracy against MACs: the Pareto front, the hypervolume, and one method at the MACs of another's runs."""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks.report.stats.names import BASELINE
from benchmarks.report.stats.summary import FREE, TASK, half_width, scored
from benchmarks.schemas.target import Target

EQUAL = 0.02
"""MACs by at most this fraction above those of a run count as equal to them; a target is met as closely."""


def front(table: pd.DataFrame) -> pd.Series:
    """Whether each line of a summary is on the front of its task.

    A line is on it if no other has at least its mean accuracy with at most its mean MACs, and is better in one of them.
    """
    on = pd.Series(False, index=table.index)
    for _, part in table.dropna(subset=["accuracy"]).groupby(TASK):
        macs, accuracy = part["macs_kept"].to_numpy(), part["accuracy"].to_numpy()
        no_worse = (macs[:, None] <= macs) & (accuracy[:, None] >= accuracy)
        better = (macs[:, None] < macs) | (accuracy[:, None] > accuracy)
        on[part.index] = np.logical_not((no_worse & better).any(axis=0))
    return on


def hypervolumes(rows: pd.DataFrame) -> pd.DataFrame:
    """Hypervolume of each method over its targets, per task: mean over seeds and 95 % half-width.

    Computed seed by seed from the scored runs; a failed run adds nothing. n: seeds.
    """
    runs = scored(rows)
    volumes = [
        (*key, hypervolume(part["macs_kept"].to_numpy(), part["accuracy"].to_numpy()))
        for key, part in runs.groupby([*TASK, "method", "seed"])[["macs_kept", "accuracy"]]
    ]
    table = pd.DataFrame(volumes, columns=[*TASK, "method", "seed", "hypervolume"])
    groups = table.groupby([*TASK, "method"])[["hypervolume"]]
    means, counts = groups.mean(), groups.count()
    means["hypervolume_half"] = half_width(groups.sem(), counts)["hypervolume"]
    return means.assign(n=counts["hypervolume"]).reset_index()


def hypervolume(macs: np.ndarray, accuracy: np.ndarray) -> float:
    """Area that the points dominate between them and the reference point: all MACs kept (1), accuracy 0.

    Both are fractions; the area is one of the unit square, and points beyond the reference count as on it.
    """
    order = np.argsort(macs, kind="stable")
    edges = np.append(np.clip(macs[order], 0, 1), 1)
    return float(np.sum(np.diff(edges) * np.maximum.accumulate(accuracy[order])))


def at_their_macs(rows: pd.DataFrame, examined: str) -> pd.DataFrame:
    """Unconstrained runs of other methods, and `difference`: the accuracy of the examined method at their MACs minus
    theirs.

    The examined method's run at `match:<method>` counts where there is one. Otherwise its accuracy is read off the line
    through its own runs of the same task and seed, at all targets. Above the MACs of its largest run, `bound`, the
    accuracy of that run is a lower bound; see `_favourable`. NaN below its smallest run.
    Left out: the baseline, and the variants of the examined method.
    """
    runs = scored(rows)
    key = examined.split(",")[0]
    own = runs[runs["method"] == examined]
    others = runs[(runs["target"] == FREE) & (runs["method"] != BASELINE)]
    others = others[others["method"].str.split(",").str[0] != key]
    matched = own.set_index([*TASK, "seed", "target"])["accuracy"]
    lines = dict(list(own.groupby([*TASK, "seed"])))
    reached = []
    for *run, method, macs in others[[*TASK, "seed", "method", "macs_kept"]].itertuples(index=False):
        at = matched.get((*run, str(Target.match(method))))
        reached.append(_along(lines.get(tuple(run)), macs) if at is None else (at, False))
    accuracy, bound = np.array(reached, dtype=float).reshape(-1, 2).T
    found = others.assign(difference=(accuracy - others["accuracy"]).round(12), bound=bound.astype(bool))
    return _favourable(found)


def _along(line: pd.DataFrame | None, macs: float) -> tuple[float, bool]:
    """The accuracy at these MACs, and whether it is a lower bound: that of a run with fewer."""
    if line is None:
        return float("nan"), False
    line = line.drop_duplicates("macs_kept").sort_values("macs_kept")
    accuracy = np.interp(macs, line["macs_kept"], line["accuracy"], left=np.nan)
    return float(accuracy), bool(macs > line["macs_kept"].iloc[-1] * (1 + EQUAL))


def _favourable(found: pd.DataFrame) -> pd.DataFrame:
    """Without the lower bounds that show nothing: those whose mean on a task is not above the other method's.

    All seeds of a task share the decision: to use a bound on the seeds alone on which it is high would choose by
    outcome.
    """
    means = found[found["bound"]].groupby([*TASK, "method"])["difference"].transform("mean")
    above = means.reindex(found.index) > 0
    kept = found["difference"].where(above | ~found["bound"])
    return found.assign(difference=kept, bound=found["bound"] & above)
