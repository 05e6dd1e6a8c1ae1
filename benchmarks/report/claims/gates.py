"""What must be there before a claim is judged: the planned runs, seeds and tasks."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from benchmarks.report.stats.summary import FREE, TASK

SEEDS = 3
"""Fewest scored seeds on each task."""
TASKS = 2
"""Fewest tasks: with one there is no spread between tasks."""
UNSTABLE = ("diverged", "collapsed")
"""Statuses of a run that failed, and not for want of memory or support."""


def broken(rows: pd.DataFrame, method: str, target: str) -> str:
    """How many runs of a method diverged or collapsed, in words; empty if none did."""
    runs = runs_of(rows, method, target)
    counts = runs.loc[runs["status"].isin(UNSTABLE), "status"].value_counts().sort_index()
    said = ", ".join(f"{count} {status}" for status, count in counts.items())
    where = "" if target == FREE else f" at {target}"
    return f"of {len(runs)} runs of {method}{where}, {said}" if said else ""


def absent(rows: pd.DataFrame) -> list[str]:
    """How many runs of each study's plan have no row, in words; a seed, task or method without any row is seen so."""
    found = []
    for study, part in rows.groupby("study", sort=False):
        planned = part["planned"].iloc[0]  # NaN in rows of earlier versions
        if planned > len(part):
            found.append(f"of {planned:.0f} planned runs of study {study}, {planned - len(part):.0f} without a row")
    return found


def gaps(rows: pd.DataFrame, method: str, target: str, counted: Sequence[str] = ("ok",)) -> list[str]:
    """Why the runs of a method at a target cannot be judged, a phrase each; none if they can.

    Planned is every seed that any method has on a task, in the studies that ran the method at this target. A run that
    diverged or collapsed is no gap, since it is a result; a run without a row, without a score, without support or
    without memory is one.

    counted: statuses of the runs that can be judged. A run that collapsed has no accuracy that counts, but it has MACs.
    """
    cell = f"{method} at {target}"
    runs = runs_of(rows, method, target)
    if runs.empty:
        return [f"no run of {cell}"]
    planned = rows.loc[rows["study"].isin(runs["study"]), [*TASK, "seed"]].drop_duplicates()
    table = planned.merge(runs[[*TASK, "seed", "status", "test_accuracy"]], on=[*TASK, "seed"], how="left")
    status = table["status"].fillna("missing")
    status = status.where((status != "ok") | table["test_accuracy"].notna(), "missing")
    counts = status[~status.isin(["ok", *UNSTABLE])].value_counts().sort_index()
    absent = ", ".join(f"{count} {str(name).replace('_', ' ')}" for name, count in counts.items())
    found = [f"of {len(table)} planned runs of {cell}, {absent}"] if absent else []
    seeds = table.assign(counts=status.isin(counted).astype(int)).groupby(TASK)["counts"].sum()
    few = ", ".join(" ".join(map(str, task)) for task in seeds.index[seeds < SEEDS])
    if few:
        found.append(f"fewer than {SEEDS} scored seeds of {cell}" + (f" on {few}" if few else ""))
    if (seeds > 0).sum() < TASKS:
        alone = len(rows[TASK].drop_duplicates()) < TASKS
        found.append(f"fewer than {TASKS} tasks" + ("" if alone else f" of {cell}"))
    return found


def runs_of(rows: pd.DataFrame, method: str, target: str) -> pd.DataFrame:
    """The runs of a method at a target, whatever became of them."""
    return rows[(rows["method"] == method) & (rows["target"] == target)]
