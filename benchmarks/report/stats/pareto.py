"""Accuracy against MACs: the Pareto front, the hypervolume, and one method at the MACs of another's runs."""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks.report.stats.names import BASELINE
from benchmarks.report.stats.summary import FREE, TASK, half_width, scored
from benchmarks.schemas.target import Target


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
    through its own runs of the same task and seed, at all targets, and the dense run; NaN beyond the ends of the line.
    Left out: the baseline, and the variants of the examined method.
    """
    runs = scored(rows)
    key = examined.split(",")[0]
    own = runs[runs["method"] == examined]
    others = runs[(runs["target"] == FREE) & (runs["method"] != BASELINE)]
    others = others[others["method"].str.split(",").str[0] != key]
    matched = own.set_index([*TASK, "seed", "target"])["accuracy"]
    lines = dict(list(pd.concat([own, runs[runs["method"] == BASELINE]]).groupby([*TASK, "seed"])))
    reached = []
    for *run, method, macs in others[[*TASK, "seed", "method", "macs_kept"]].itertuples(index=False):
        at = matched.get((*run, str(Target.match(method))))
        reached.append(_along(lines.get(tuple(run)), macs) if at is None else at)
    return others.assign(difference=(np.array(reached, dtype=float) - others["accuracy"]).round(12))


def _along(line: pd.DataFrame | None, macs: float) -> float:
    if line is None:
        return float("nan")
    line = line.drop_duplicates("macs_kept").sort_values("macs_kept")  # its own runs come before the dense one
    return float(np.interp(macs, line["macs_kept"], line["accuracy"], left=np.nan, right=np.nan))
