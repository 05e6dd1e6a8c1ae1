"""Tables: every method over all tasks at once, and how often each is near the best or beaten; a sheet per target."""

from __future__ import annotations

import math

import pandas as pd

from benchmarks.report.stats.comparisons import WITHIN, complete, gaps, improvement, near_best, ranked_targets, ranking
from benchmarks.report.stats.estimands import estimated, task_means
from benchmarks.report.stats.names import BASELINE, subject
from benchmarks.report.stats.summary import on_common_tasks, scored
from benchmarks.report.text.sheets import Sheet, Tables
from benchmarks.report.text.words import NONE, between, left_out, lines, number, one_line, shared

COLUMNS = ["target", "method", "tasks", *(f"within_{points:g}" for points in WITHIN)]
MEANS = ["macs_kept", "params_kept", "cost"]


def overall(rows: pd.DataFrame) -> Tables:
    """Paired difference to dense, size, cost and average rank: a line per method and target, over all tasks."""
    table, apart = pooled(rows), shared(rows)
    sheets = [
        Sheet(one_line(f"All tasks, {target}"), _cells(part), _caption(part, apart), names=1)
        for target, part in table[table["method"] != BASELINE].groupby("target", sort=False)
    ]
    return Tables(table, sheets, absent="No run has a score.")


def pooled(rows: pd.DataFrame) -> pd.DataFrame:
    """What `estimated` gives of the difference to dense, means of size and cost, and the average rank at target MACs.

    At target MACs means are over the tasks that `on_common_tasks` keeps.
    planned, scored: runs of the method at the target over all tasks.
    """
    by = ["target", "method"]
    compared = scored(on_common_tasks(rows))
    table = estimated(compared, by).join(task_means(compared, by, MEANS))
    runs = rows.groupby(by)["status"]
    table = runs.agg(planned="count", scored=lambda status: (status == "ok").sum()).join(table).reset_index()
    examined = subject(rows)
    ranks = [ranking(rows, target, examined).table.assign(target=target) for target in ranked_targets(rows)]
    if ranks:
        average = pd.concat(ranks)[["target", "method", "average_rank"]]
        table = table.merge(average, on=["target", "method"], how="left")
    else:
        table["average_rank"] = float("nan")
    return table.sort_values(["target", "difference"], ascending=[True, False], ignore_index=True)


def _cells(part: pd.DataFrame) -> pd.DataFrame:
    cells = [
        {
            "Method": one_line(line.method),
            "Tasks, n": f"{number(line.tasks, '.0f')}, {number(line.pairs, '.0f')}",
            "Difference to dense, points": number(100 * line.difference, "+z.2f"),
            "Fixed tasks": between(line.difference, line.fixed_half, alone=True),
            "Over tasks": between(line.difference, line.over_half, alone=True),
            "MACs kept, %": number(100 * line.macs_kept, ".1f"),
            "Params kept, %": number(100 * line.params_kept, ".1f"),
            "Training MACs, × dense": number(line.cost, ".2f"),
            "Average rank": number(line.average_rank, ".2f"),
            "Without score": str(line.planned - line.scored),
        }
        for line in lines(part)
    ]
    # At `free` there are no ranks: MACs differ.
    return pd.DataFrame(cells).drop(columns="Average rank" if part["average_rank"].isna().all() else [])


def _caption(part: pd.DataFrame, apart: str) -> str:
    ranks = "" if part["average_rank"].isna().all() else " Average rank: of test accuracy, 1 is best."
    return (
        "Difference: test accuracy minus dense, paired by seed (n pairs); the mean of the task means (dataset × "
        "network). Fixed tasks: its 95 % t-interval for exactly these tasks; over tasks: for tasks like these, with "
        f"tasks as the unit. {apart}MACs, parameters and training MACs: means, relative to dense.{ranks}"
    )


def profiles(rows: pd.DataFrame) -> Tables:
    """A line per method and target, over all tasks."""
    examined = subject(rows)
    parts = {target: _near(rows, target, examined) for target in ranked_targets(rows)}
    parts = {target: part for target, part in parts.items() if len(part) > 1}
    sheets = [
        Sheet(
            one_line(f"Near the best at {target}"),
            _near_cells(part),
            f"{_near_caption(examined)} {left_out(complete(rows, target)[1])}".rstrip(),
            names=1,
        )
        for target, part in parts.items()
    ]
    data = pd.concat(parts.values(), ignore_index=True) if parts else pd.DataFrame(columns=COLUMNS)
    return Tables(data, sheets, absent="No two methods ran at the same target MACs.")


def _near(rows: pd.DataFrame, target: str, examined: str) -> pd.DataFrame:
    apart = gaps(rows, target)
    near = pd.DataFrame({f"within_{points:g}": near_best(apart, points) for points in WITHIN})
    near = near.rename_axis("method").assign(target=target, tasks=len(apart))
    beaten = improvement(rows, target, examined).drop(columns="tasks")
    table = near.join(beaten) if len(apart) else near.head(0)
    return table.reset_index().sort_values(["within_0.5", "within_1", "within_2"], ascending=False, kind="stable")


def _near_cells(part: pd.DataFrame) -> pd.DataFrame:
    near = {at: part[f"within_{at:g}"].to_numpy(dtype=float) for at in WITHIN}
    cells = [
        {
            "Method": one_line(line.method),
            "Tasks": str(line.tasks),
            **{f"Within {at:g}, %": number(100 * near[at][i], ".0f") for at in WITHIN},
            "Examined is better, %": number(100 * line.probability, ".0f"),
            "Fixed tasks": _interval(line.fixed_low, line.fixed_high),
            "Over tasks": _interval(line.over_low, line.over_high),
        }
        for i, line in enumerate(lines(part))
    ]
    return pd.DataFrame(cells)


def _interval(low: float, high: float) -> str:
    return NONE if math.isnan(low) else f"[{100 * low:.0f}, {100 * high:.0f}]"


def _near_caption(examined: str) -> str:
    return (
        "Within: of the tasks (dataset × network), the part on which the mean accuracy is at "
        f"most so many points below that of the best method. Examined is better: probability that {one_line(examined)} "
        "has the higher accuracy on a seed and task (a tie counts half), mean over tasks; Wilson's 95 % intervals. "
        "A failed run counts as accuracy 0."
    )
