"""The two means over tasks that a study can estimate, each with its error, and the four words for a difference.

*Fixed tasks*: the mean over exactly these tasks. The only error is that of the seeds within a task.
*Over tasks*: the mean over tasks like these. Tasks are the unit, so that the error is that between task means.

Both weigh every task alike, however many seeds it has.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from scipy import stats

from benchmarks.report.stats.summary import LEVEL, TASK

RELEVANT = 0.5
"""Smallest difference in test accuracy that matters, percentage points; smaller ones are practically equal."""

Outcome = Literal["better", "worse", "practically equal", "undecided"]
"""better: the mean is shown to be above the smallest relevant size; worse: below its negative; practically equal: in
between (two one-sided tests, TOST); undecided: none of these is shown."""


@dataclass(frozen=True)
class Estimate:
    """A mean, its standard error and degrees of freedom; error and df are NaN where there is nothing to take them from.

    tasks, runs: how many the mean rests on.
    """

    mean: float
    error: float
    df: float
    tasks: int
    runs: int

    def interval(self) -> tuple[float, float]:
        """The two-sided t-interval."""
        half = self.half()
        return self.mean - half, self.mean + half

    def half(self) -> float:
        """Half of the width of the t-interval."""
        return float(stats.t.ppf((1 + LEVEL) / 2, self.df) * self.error)

    def detectable(self) -> float:
        """The smallest true mean that a study of this spread shows to differ from 0, with 80 % power."""
        return float((stats.t.ppf((1 + LEVEL) / 2, self.df) + stats.t.ppf(0.8, self.df)) * self.error)

    def p_above(self, value: float) -> float:
        """The one-sided p-value of "the mean is above this value"."""
        return float(stats.t.sf(self._distance(value), self.df))

    def p_below(self, value: float) -> float:
        """The one-sided p-value of "the mean is below this value"."""
        return float(stats.t.cdf(self._distance(value), self.df))

    def p_zero(self) -> float:
        """The two-sided p-value of "the mean is not 0"."""
        return float(2 * stats.t.sf(abs(self._distance(0)), self.df))

    def p_equal(self, relevant: float = RELEVANT) -> float:
        """The p-value of "the mean is within this size": the larger of two one-sided tests (TOST)."""
        return max(self.p_above(-relevant), self.p_below(relevant))

    def _distance(self, value: float) -> float:
        away = self.mean - value
        if self.error == 0:
            return math.copysign(math.inf, away) if away else 0.0
        return away / self.error


def fixed_tasks(values: pd.Series, weights: Mapping[Hashable, float] | None = None) -> Estimate:
    """The mean over these tasks, of values indexed by task, one a run; its error is that of seeds within tasks.

    Stratified: the variances of the task means add up, with Welch and Satterthwaite's degrees of freedom. weights: of
    each task, for another linear function of the task means than their mean.
    """
    tasks, n, means, variances = _moments(values)
    share = np.full(len(tasks), 1 / max(len(tasks), 1)) if weights is None else np.array([weights[t] for t in tasks])
    return _within(n, means, variances, share)


def over_tasks(values: pd.Series) -> Estimate:
    """The mean over tasks like these, of values indexed by task, one a run: t over the task means.

    With as many seeds on every task this is the test of a mixed model with a random effect of the task. As in that
    model, the error is never below that of fixed tasks, which seeds alone cause. NaN with fewer than two tasks.
    """
    fixed = fixed_tasks(values)
    if fixed.tasks < 2:
        return replace(fixed, error=math.nan, df=math.nan)
    _, n, means, variances = _moments(values)
    within = math.sqrt(np.nansum(variances / n)) / fixed.tasks  # a task with one seed adds nothing that is known
    return replace(fixed, error=float(max(stats.sem(means), within)), df=fixed.tasks - 1)


def tasks_or_seeds(values: pd.Series, fewest: int = 2) -> Estimate:
    """The mean over tasks like these; of fewer tasks than `fewest`, for exactly these, over their seeds."""
    found = over_tasks(values)
    return found if found.tasks >= fewest else fixed_tasks(values)


def each_task(values: pd.Series) -> dict[str, Estimate]:
    """The mean of every task by itself, under its name."""
    groups = values.dropna().groupby(level=TASK, sort=False)
    return {", ".join(map(str, task)): fixed_tasks(part) for task, part in groups}  # type: ignore[arg-type]


def estimated(runs: pd.DataFrame, by: list[str], column: str = "difference") -> pd.DataFrame:
    """Both means of a column for every group of runs, with half-widths of their 95 % t-intervals.

    Columns: the column's name (the mean), fixed_half, over_half, tasks, pairs; a line per group, indexed by `by`.
    """
    lines = {}
    for key, part in runs.groupby(by, sort=False):
        values = part.set_index(TASK)[column]
        fixed, over = fixed_tasks(values), over_tasks(values)
        lines[key] = (fixed.mean, fixed.half(), over.half(), fixed.tasks, fixed.runs)
    index = (
        pd.MultiIndex.from_tuples(list(lines), names=by)
        if lines
        else pd.MultiIndex.from_arrays([[]] * len(by), names=by)
    )
    return pd.DataFrame(list(lines.values()), index, [column, "fixed_half", "over_half", "tasks", "pairs"])


def task_means(runs: pd.DataFrame, by: list[str], columns: list[str]) -> pd.DataFrame:
    """Means of columns for every group of runs, every task weighed alike."""
    return runs.groupby([*by, *TASK])[columns].mean().groupby(by).mean()


def outcome(estimate: Estimate, relevant: float = RELEVANT) -> Outcome:
    """The word for one difference, judged by itself."""
    return outcomes([estimate], relevant)[0]


def outcomes(estimates: Sequence[Estimate], relevant: float = RELEVANT) -> list[Outcome]:
    """The words for a family of differences, after Holm's correction over the family.

    "All are better" needs no correction: judge each by `outcome`. "Some are worse" does: judge them here.
    """
    tail, level = (1 - LEVEL) / 2, 1 - LEVEL
    above = [e.p_above(relevant) for e in estimates]
    below = [e.p_below(-relevant) for e in estimates]
    within = [e.p_equal(relevant) for e in estimates]
    better, worse = (holm(np.array(p)) <= tail for p in (above, below))
    equal = holm(np.array(within)) <= level
    return [
        "better" if b else "worse" if w else "practically equal" if e else "undecided"
        for b, w, e in zip(better, worse, equal, strict=True)
    ]


def noninferior(estimate: Estimate, margin: float = RELEVANT) -> bool:
    """Whether the mean is shown to be above minus the margin (one-sided, 5 %)."""
    return estimate.p_above(-margin) <= 1 - LEVEL


def holm(p: np.ndarray) -> np.ndarray:
    """Holm's step-down correction (Scandinavian Journal of Statistics 6, 1979); NaN stays NaN and does not count.

    statsmodels' `multipletests` gives the same, but collects garbage at every call, which would take most of the time.
    """
    adjusted = np.full(len(p), math.nan)
    order = np.argsort(p)[: np.count_nonzero(~np.isnan(p))]  # NaN comes last
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(steps))
    return adjusted


def _moments(values: pd.Series) -> tuple[list[Hashable], np.ndarray, np.ndarray, np.ndarray]:
    """The tasks, and of each how many values it has, their mean and their variance (NaN of a single one)."""
    values = values.dropna()
    names = values.index.tolist()
    place = {task: i for i, task in enumerate(dict.fromkeys(names))}
    tasks, codes = list(place), np.array([place[name] for name in names], dtype=int)
    n = np.bincount(codes, minlength=len(tasks))
    means = np.bincount(codes, values, minlength=len(tasks)) / n
    squares = np.bincount(codes, (values.to_numpy() - means[codes]) ** 2, minlength=len(tasks))
    return tasks, n, means, squares / np.where(n > 1, n - 1, math.nan)


def _within(n: np.ndarray, means: np.ndarray, variances: np.ndarray, share: np.ndarray) -> Estimate:
    if not len(n):
        return Estimate(math.nan, math.nan, math.nan, 0, 0)
    parts = share**2 * variances / n
    spread = parts[n > 1] ** 2 / (n[n > 1] - 1)
    df = parts.sum() ** 2 / spread.sum() if spread.sum() > 0 else (n - 1).sum()
    return Estimate(float(share @ means), math.sqrt(parts.sum()), float(df), len(n), int(n.sum()))
