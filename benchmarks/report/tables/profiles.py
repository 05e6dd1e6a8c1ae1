"""Table: how often each method is near the best, and how often the examined method beats it; a sheet per target."""

from __future__ import annotations

import math

import pandas as pd

from benchmarks.report.stats.comparisons import ranked_targets
from benchmarks.report.stats.names import SUBJECT, subject
from benchmarks.report.stats.profiles import WITHIN, gaps, improvement, near_best
from benchmarks.report.text.sheets import Sheet, Tables
from benchmarks.report.text.words import NONE, lines, number, one_line

COLUMNS = ["target", "method", "tasks", *(f"within_{points:g}" for points in WITHIN)]


def profiles(rows: pd.DataFrame) -> Tables:
    """A line per method and target, over all tasks."""
    examined = subject(rows) or SUBJECT
    parts = {target: _of(rows, target, examined) for target in ranked_targets(rows)}
    parts = {target: part for target, part in parts.items() if len(part) > 1}
    sheets = [
        Sheet(one_line(f"Near the best at {target}"), _cells(part), _caption(examined), names=1)
        for target, part in parts.items()
    ]
    data = pd.concat(parts.values(), ignore_index=True) if parts else pd.DataFrame(columns=COLUMNS)
    return Tables(data, sheets, absent="No two methods ran at the same target MACs.")


def _of(rows: pd.DataFrame, target: str, examined: str) -> pd.DataFrame:
    apart = gaps(rows, target)
    near = pd.DataFrame({f"within_{points:g}": near_best(apart, points) for points in WITHIN})
    near = near.rename_axis("method").assign(target=target, tasks=len(apart))
    beaten = improvement(rows, target, examined).drop(columns="tasks")
    table = near.join(beaten) if len(apart) else near.head(0)
    return table.reset_index().sort_values(["within_0.5", "within_1", "within_2"], ascending=False, kind="stable")


def _cells(part: pd.DataFrame) -> pd.DataFrame:
    near = {at: part[f"within_{at:g}"].to_numpy(dtype=float) for at in WITHIN}
    cells = [
        {
            "Method": one_line(line.method),
            "Tasks": str(line.tasks),
            **{f"Within {at:g}, %": number(100 * near[at][i], ".0f") for at in WITHIN},
            "Examined is better, %": number(100 * line.probability, ".0f"),
            "Fixed tasks": _interval(line.probability, line.fixed_half),
            "Over tasks": _interval(line.probability, line.over_half),
        }
        for i, line in enumerate(lines(part))
    ]
    return pd.DataFrame(cells)


def _interval(mean: float, half: float) -> str:
    if math.isnan(half):
        return NONE
    return f"[{100 * max(mean - half, 0):.0f}, {100 * min(mean + half, 1):.0f}]"


def _caption(examined: str) -> str:
    return (
        "Within: of the tasks (dataset × network) that all methods ran on, the part on which the mean accuracy is at "
        f"most so many points below that of the best method. Examined is better: probability that {one_line(examined)} "
        "has the higher accuracy on a seed and task (a tie counts half), mean over tasks, with its 95 % t-intervals. "
        "A failed run counts as accuracy 0."
    )
