"""Tables: a study on one page of a paper, methods across sizes, panels and each other."""

from __future__ import annotations

import math
from collections.abc import Callable

import pandas as pd

from benchmarks.report.stats.comparisons import matched_pairs, paired
from benchmarks.report.stats.names import BASELINE, SUBJECT, subject
from benchmarks.report.stats.summary import BLOCK, scored, summary
from benchmarks.report.text.sheets import Sheet, Tables
from benchmarks.report.text.words import NONE, display, failed, lines, number, one_line

POOLED = "± half-width of its 95 % t-interval, paired by seed, over all datasets and networks."
ALONE = "Each interval stands for its cell alone."


def by_target(rows: pd.DataFrame) -> Tables:
    """Difference to dense, a line per method and a column per target, over all panels."""
    runs = scored(rows)
    runs = runs[runs["method"] != BASELINE]
    caption = f"Test accuracy minus dense, points, {POOLED} {ALONE} {_without(rows)}"
    return _tables(_grid(runs, ["method"], "target"), "Difference to the dense network, by size", caption, 1)


def duels(rows: pd.DataFrame) -> Tables:
    """The examined method minus each other that was told the same size, a column per target, over all panels."""
    examined = subject(rows) or SUBJECT
    caption = f"Test accuracy of {one_line(examined)} minus the method's at the same MACs, points, {POOLED} {ALONE}"
    return _tables(_grid(matched_pairs(rows, examined), ["method"], "target"), "At the same MACs", caption, 1)


def by_panel(rows: pd.DataFrame) -> Tables:
    """Difference to dense, a line per method and target, a column per (dataset, network)."""
    runs = scored(rows)
    runs = runs[runs["method"] != BASELINE].assign(panel=runs["dataset"] + ", " + runs["network"])
    caption = (
        "Test accuracy minus dense, points, ± half-width of its 95 % t-interval, paired by seed. "
        f"{ALONE} Cost: training MACs with search and pretraining, relative to dense. {_without(rows)}"
    )
    table = _grid(runs, ["target", "method"], "panel")
    cost = runs.groupby(["target", "method"])["cost"].mean().map(lambda cost: number(cost, ".2f"))
    return _tables(table.assign(**{"Cost, × dense": cost}), "Difference to the dense network, by network", caption, 2)


def free(rows: pd.DataFrame) -> Tables:
    """What methods that choose their size keep, and at which accuracy: a line per (dataset, network) and method."""
    own = rows[rows["target"] == "free"]
    table = summary(own)
    table = table[table["n"] > 0].reset_index(drop=True)
    again = table.duplicated(BLOCK)
    cells = display(table).drop(columns=["Target", "n", "Failed"], errors="ignore")  # of no run, it has no columns
    for i, name in enumerate(BLOCK):
        cells.insert(i, name.capitalize(), table[name].map(one_line).mask(again, ""))
    caption = (
        "Test accuracy: mean, ± half-width of its 95 % t-interval. Difference: paired by seed, with its interval. "
        f"MACs, parameters and training MACs: means, relative to dense. {ALONE} {_without(own)}"
    )
    return _sheet(cells, "At the size that a method chooses", caption, 3)


ACROSS: dict[str, Callable[[pd.DataFrame], Tables]] = {
    "by_target": by_target,
    "duels": duels,
    "by_panel": by_panel,
    "free": free,
}
"""Name -> what it holds, from rows."""


def _grid(runs: pd.DataFrame, index: list[str], column: str) -> pd.DataFrame:
    """Mean and half-width of `difference` as text; methods by the mean of their means, the best first."""
    table = paired(runs.dropna(subset=["difference"]).groupby([*index, column], sort=False))
    text = pd.Series([_mean(line.difference, line.difference_half) for line in lines(table)], table.index, dtype=str)
    means = table["difference"].unstack()
    order = list(means.mean(axis="columns").sort_values(ascending=False).index)
    if "target" in index:
        order.sort(key=lambda line: target_order(line[0]))
    columns = sorted(map(str, means), key=target_order) if column == "target" else list(means)
    return text.unstack().reindex(order)[columns].fillna(NONE)


def target_order(target: str) -> tuple[int, float, str]:
    """What is free, then what is matched, then told sizes from the largest on."""
    told = target.startswith("macs=")
    return 0 if target == "free" else 1 + told, -float(target.removeprefix("macs=")) if told else 0.0, target


def _mean(mean: float, half: float) -> str:
    return f"{100 * mean:+.2f}" if math.isnan(half) else f"{100 * mean:+.2f} ± {100 * half:.2f}"


def _without(rows: pd.DataFrame) -> str:
    table = summary(rows)
    flatter = (
        " Means are over the other runs, and flatter these methods." if (table["n"] < table["seeds"]).any() else ""
    )
    return failed(table) + flatter


def _tables(table: pd.DataFrame, title: str, caption: str, names: int) -> Tables:
    cells = table.rename_axis(columns=None).reset_index()
    cells.columns = pd.Index([one_line(str(name).replace(",", ", ")) for name in cells])
    cells = cells.rename(columns={name: name.capitalize() for name in cells.columns[:names]})
    return _sheet(cells, title, caption, names)


def _sheet(cells: pd.DataFrame, title: str, caption: str, names: int) -> Tables:
    return Tables(cells, [Sheet(title, cells, caption, names)] if len(cells) else [], absent="No run has a score.")
