"""Tables of the paper: a whole study on one page, methods across targets, tasks and each other."""

from __future__ import annotations

import math
from collections.abc import Callable

import pandas as pd

from benchmarks.report.stats.comparisons import matched_pairs
from benchmarks.report.stats.estimands import estimated, task_means
from benchmarks.report.stats.names import BASELINE, subject
from benchmarks.report.stats.summary import FREE, TASK, on_common_tasks, scored, summary
from benchmarks.report.text.sheets import Sheet, Tables
from benchmarks.report.text.words import NONE, display, failed, lines, number, one_line, shared
from benchmarks.schemas.target import Target

POOLED = "± half-width of its 95 % t-interval, paired by seed, over exactly these tasks (dataset × network)."
ALONE = "Each interval holds by itself."


def by_target(rows: pd.DataFrame) -> Tables:
    """Difference to dense, a line per method and a column per target, over all tasks."""
    runs = scored(on_common_tasks(rows))
    runs = runs[runs["method"] != BASELINE]
    caption = f"Test accuracy minus dense, points, {POOLED} {shared(rows)}{ALONE} {_without(rows)}"
    table = _grid(runs, ["method"], "target")
    return _tables(table, "Difference to the dense network, by target", caption, 1)


def duels(rows: pd.DataFrame) -> Tables:
    """The examined method minus each other at the same MACs, a column per target, over all tasks."""
    examined = subject(rows)
    first = f"Test accuracy of {one_line(examined)} minus the method's at the same MACs, points, {POOLED}"
    caption = f"{first} {ALONE} {_without(rows)}"
    return _tables(_grid(matched_pairs(rows, examined), ["method"], "target"), "At the same MACs", caption, 1)


def by_task(rows: pd.DataFrame) -> Tables:
    """Difference to dense, a line per method and target, a column per task."""
    runs = scored(rows)
    runs = runs[runs["method"] != BASELINE].assign(task=runs["dataset"] + ", " + runs["network"])
    caption = (
        "Test accuracy minus dense, points, ± half-width of its 95 % t-interval, paired by seed. "
        f"{ALONE} Cost: training MACs with search and pretraining, relative to dense. {_without(rows)}"
    )
    table = _grid(runs, ["target", "method"], "task")
    cost = task_means(runs, ["target", "method"], ["cost"])["cost"].map(lambda cost: number(cost, ".2f"))
    return _tables(table.assign(**{"Cost, × dense": cost}), "Difference to the dense network, by task", caption, 2)


def free(rows: pd.DataFrame) -> Tables:
    """What unconstrained methods keep, and at which accuracy: a line per task and method."""
    own = rows[rows["target"] == FREE]
    table = summary(own)
    table = table[table["n"] > 0].reset_index(drop=True)
    again = table.duplicated(TASK)
    cells = display(table).drop(columns=["Target", "n", "Failed"], errors="ignore")  # of no run, it has no columns
    for i, name in enumerate(TASK):
        cells.insert(i, name.capitalize(), table[name].map(one_line).mask(again, ""))
    caption = (
        "Test accuracy: mean, ± half-width of its 95 % t-interval. Difference: paired by seed, with its interval. "
        f"MACs, parameters and training MACs: means, relative to dense. {ALONE} {_without(own)}"
    )
    return _sheet(cells, "Unconstrained methods", caption, 3)


ACROSS: dict[str, Callable[[pd.DataFrame], Tables]] = {
    "by_target": by_target,
    "duels": duels,
    "by_task": by_task,
    "free": free,
}
"""Name -> what it holds, from rows."""


def _grid(runs: pd.DataFrame, index: list[str], column: str) -> pd.DataFrame:
    """Mean and half-width of `difference` as text; methods by the mean of their means, the best first."""
    table = estimated(runs.dropna(subset=["difference"]), [*index, column])
    text = pd.Series([_mean(line.difference, line.fixed_half) for line in lines(table)], table.index, dtype=str)
    means = table["difference"].unstack()
    order = list(means.mean(axis="columns").sort_values(ascending=False).index)
    if "target" in index:
        order.sort(key=lambda line: target_order(line[0]))
    columns = sorted(map(str, means), key=target_order) if column == "target" else list(means)
    return text.unstack().reindex(order)[columns].fillna(NONE)


def target_order(target: str) -> tuple[int, float, str]:
    """`free` first, then matched MACs, then fractions of MACs from the largest on."""
    fraction = Target.parse(target).fraction
    return 0 if target == FREE else 1 if fraction is None else 2, -(fraction or 0.0), target


def _mean(mean: float, half: float) -> str:
    return f"{100 * mean:+z.2f}" if math.isnan(half) else f"{100 * mean:+z.2f} ± {100 * half:.2f}"


def _without(rows: pd.DataFrame) -> str:
    table = summary(rows)
    flatter = (
        " Means are over the other runs, which favours these methods." if (table["n"] < table["seeds"]).any() else ""
    )
    return failed(table) + flatter


def _tables(table: pd.DataFrame, title: str, caption: str, names: int) -> Tables:
    cells = table.rename_axis(columns=None).reset_index()
    cells.columns = pd.Index([one_line(str(name).replace(",", ", ")) for name in cells])
    cells = cells.rename(columns={name: name.capitalize() for name in cells.columns[:names]})
    return _sheet(cells, title, caption, names)


def _sheet(cells: pd.DataFrame, title: str, caption: str, names: int) -> Tables:
    return Tables(cells, [Sheet(title, cells, caption, names)] if len(cells) else [], absent="No run has a score.")
