"""What difference to dense a planned study can show, from the spread of a finished one on the same tasks."""

from __future__ import annotations

import math
from collections.abc import Collection
from pathlib import Path

import numpy as np
import pandas as pd
from rich import box
from rich.table import Table
from scipy import stats

from benchmarks.report.stats.estimands import RELEVANT
from benchmarks.report.stats.names import BASELINE
from benchmarks.report.stats.summary import LEVEL, TASK, scored
from benchmarks.report.text.words import lines, number

POWER = 0.8

Task = tuple[str, str]


def nearest(published: Path, tasks: Collection[Task], study: str) -> Path | None:
    """The rows.csv of the published study that shares most tasks with these; of equals, the one of this name."""
    shared: dict[Path, int] = {}
    for path in sorted(published.glob("*/rows.csv")):
        there = pd.read_csv(path, usecols=TASK, dtype=str, keep_default_na=False)
        shared[path] = len(set(tasks) & set(there[TASK].itertuples(index=False, name=None)))
    best = max(shared, key=lambda path: (shared[path], path.parent.name == study), default=None)
    return best if best and shared[best] else None


def power(rows: pd.DataFrame, tasks: Collection[Task], seeds: int) -> pd.DataFrame:
    """A line per target of the rows: the smallest true difference that is shown to be none of chance with 80 % power.

    seed_spread, task_spread: standard deviations of the difference to dense over the seeds of a task and over the means
    of tasks without what seeds cause, points; medians over methods. fixed, over: the smallest differences, for exactly
    the planned tasks and for tasks like these; NaN where there is one seed, one task or no spread to take it from.
    """
    runs = scored(rows)
    planned = pd.Series(list(runs[TASK].itertuples(index=False, name=None)), runs.index, dtype=object).isin(list(tasks))
    runs = runs[planned & (runs["method"] != BASELINE)]
    found = []
    for target, part in runs.assign(points=100 * runs["difference"]).groupby("target"):
        spreads = [_spread(own) for _, own in part.groupby("method")]
        within, between = (_median([spread[i] for spread in spreads]) for i in (0, 1))
        many = len(tasks)
        fixed = _shown(within / (seeds * many), many * (seeds - 1))
        over = _shown((between + within / seeds) / many, many - 1)
        found.append((target, math.sqrt(within), math.sqrt(between), fixed, over))
    return pd.DataFrame(found, columns=["target", "seed_spread", "task_spread", "fixed", "over"])


def _spread(runs: pd.DataFrame) -> tuple[float, float]:
    """Variance of one method over the seeds of a task, mean of all tasks, and that between tasks beyond it."""
    groups = runs.groupby(TASK)["points"]
    within = float(groups.var().mean())
    if groups.ngroups < 2:
        return within, math.nan
    return within, max(0.0, float(groups.mean().var() - np.nan_to_num((groups.var() / groups.count()).mean())))


def _median(values: list[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return float(np.median(known)) if known else math.nan


def _shown(variance: float, df: int) -> float:
    if df < 1:
        return math.nan
    return float((stats.t.ppf((1 + LEVEL) / 2, df) + stats.t.ppf(POWER, df)) * math.sqrt(variance))


def table(found: pd.DataFrame, source: str, tasks: int, seeds: int) -> Table:
    """For the terminal."""
    caption = (
        f"Smallest true difference to dense, in points of test accuracy, that {seeds} seeds on {tasks} tasks show with "
        f"80 % power: for exactly these tasks, and for tasks like these. From the spread of {source}; {RELEVANT} "
        "points count as relevant."
    )
    shown = Table(title="What the planned seeds can show", caption=caption, caption_justify="left", box=box.SIMPLE)
    for name in ("Target", "Spread over seeds", "over tasks", "These tasks", "Tasks like these"):
        shown.add_column(name, justify="left" if name == "Target" else "right")
    for line in lines(found):
        values = (line.seed_spread, line.task_spread, line.fixed, line.over)
        shown.add_row(line.target, *(number(value, ".2f") for value in values))
    return shown
