"""Over tasks, at one target: how often a method is near the best one, and how often the examined method beats it.

Performance profiles and the probability of improvement (Agarwal et al. 2021, NeurIPS 34), with tasks as the unit.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks.report.stats.comparisons import at_target
from benchmarks.report.stats.estimands import estimated
from benchmarks.report.stats.summary import TASK

WITHIN = (0.5, 1.0, 2.0)
"""Percentage points from the best method, in tables."""


def gaps(rows: pd.DataFrame, target: str) -> pd.DataFrame:
    """Points of mean test accuracy below the best method: a line per task that all methods ran on, a column per method.

    A failed run counts as accuracy 0, as in ranks.
    """
    runs = at_target(rows, target)
    wide = 100 * runs.pivot_table(index=TASK, columns="method", values="accuracy").dropna()
    return (-wide.sub(wide.max(axis="columns"), axis="index")).round(9)


def near_best(gaps: pd.DataFrame, points: float) -> pd.Series:
    """The fraction of tasks on which each method is within these points of the best."""
    return (gaps <= points).mean()


def improvement(rows: pd.DataFrame, target: str, examined: str) -> pd.DataFrame:
    """The probability that the examined method has the higher accuracy on a seed and task, a tie counting half.

    Paired by seed; the mean over tasks, as `estimated` gives it: a line per other method, indexed by `method`.
    """
    runs = at_target(rows, target)
    key = [*TASK, "seed"]
    own = runs.loc[runs["method"] == examined, [*key, "accuracy"]]
    pairs = runs[runs["method"] != examined].merge(own, on=key, suffixes=("", "_examined"), validate="many_to_one")
    ahead = np.sign((pairs["accuracy_examined"] - pairs["accuracy"]).round(12))
    found = estimated(pairs.assign(probability=(1 + ahead) / 2), ["method"], "probability")
    return found.set_axis(pd.Index([method for (method, *_) in found.index], name="method", dtype=str))
