"""Table: every method over all tasks at once, a sheet per target."""

from __future__ import annotations

import pandas as pd

from benchmarks.report.stats.comparisons import ranked_targets, ranking
from benchmarks.report.stats.estimands import estimated, task_means
from benchmarks.report.stats.names import BASELINE, SUBJECT, subject
from benchmarks.report.stats.summary import scored
from benchmarks.report.text.sheets import Sheet, Tables
from benchmarks.report.text.words import between, lines, number, one_line

MEANS = ["macs_kept", "params_kept", "cost"]


def overall(rows: pd.DataFrame) -> Tables:
    """Paired difference to dense, size, cost and average rank: a line per method and target, over all tasks."""
    table = pooled(rows)
    sheets = [
        Sheet(one_line(f"All tasks, {target}"), _cells(part), _caption(part), names=1)
        for target, part in table[table["method"] != BASELINE].groupby("target", sort=False)
    ]
    return Tables(table, sheets, absent="No run has a score.")


def pooled(rows: pd.DataFrame) -> pd.DataFrame:
    """What `estimated` gives of the difference to dense, means of size and cost, and the average rank at target MACs.

    planned, scored: runs of the method at the target over all tasks.
    """
    by = ["target", "method"]
    table = estimated(scored(rows), by).join(task_means(scored(rows), by, MEANS))
    runs = rows.groupby(by)["status"]
    table = runs.agg(planned="count", scored=lambda status: (status == "ok").sum()).join(table).reset_index()
    examined = subject(rows) or SUBJECT
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
            "Difference to dense, points": number(100 * line.difference, "+.2f"),
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


def _caption(part: pd.DataFrame) -> str:
    ranks = "" if part["average_rank"].isna().all() else " Average rank: of test accuracy, 1 is best."
    return (
        "Difference: test accuracy minus dense, paired by seed (n pairs); the mean of the task means (dataset × "
        "network). Fixed tasks: its 95 % t-interval for exactly these tasks; over tasks: for tasks like these, with "
        f"tasks as the unit. MACs, parameters and training MACs: means, relative to dense.{ranks}"
    )
