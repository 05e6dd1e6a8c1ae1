"""Figures: accuracy against the cost of training, and real against theoretical speed-up."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.report.figures import labels, style
from benchmarks.report.figures.focus import focus
from benchmarks.report.figures.panels import (
    beyond,
    draw_background,
    draw_mark,
    handles,
    handles_of_targets,
    label,
    legend,
    panels,
)
from benchmarks.report.stats.names import BASELINE
from benchmarks.report.stats.summary import summary
from benchmarks.report.text.words import background, failed, lines, scored_seeds, single
from benchmarks.schemas.target import is_constrained

EDGES = "Arrow heads at an edge stand for means beyond it, and bars may be cut there."


def accuracy_against_cost(rows: pd.DataFrame) -> tuple[Figure, str]:
    """Difference to dense against the cost of training, search and pretraining included."""
    table = summary(rows)
    figure = _scatter(
        table.assign(x=table["cost"], x_half=table["cost_half"], y=100 * table["difference"])
        .assign(y_half=100 * table["difference_half"]),
        "Training MACs, × dense", "Test accuracy − dense, points", lambda axes: axes.axhline(0, color="0.6", zorder=0),
    )  # fmt: skip
    caption = (
        "Test accuracy minus that of dense, paired by seed, against the training multiply-accumulates (MACs) of the "
        f"whole run relative to dense, search and pretraining included: mean over {scored_seeds(table)}; bars are 95 % "
        f"t-intervals. Filled marks: unconstrained; open marks: at target MACs. {EDGES} "
        f"{single(table)}{beyond(table)}{background(table)}{failed(table)}"
    )
    return figure, caption


def real_against_theoretical_speedup(rows: pd.DataFrame) -> tuple[Figure, str]:
    """Measured CPU speed-up at batch 128 against the ratio of MACs; on the diagonal every MAC saved is time saved."""
    table = summary(rows)
    table = table.assign(
        x=1 / table["macs_kept"], x_half=np.nan, y=table["speedup_cpu"], y_half=table["speedup_cpu_half"]
    )
    figure = _scatter(
        table, "Dense MACs / MACs kept", "CPU speed-up, batch 128",
        lambda axes: axes.axline((1, 1), slope=1, color="0.6", zorder=0),
    )  # fmt: skip
    caption = (
        "Measured speed-up over the dense network (CPU, batch of 128, paired by seed) against the theoretical one, the "
        f"ratio of multiply-accumulates: mean over {scored_seeds(table)}; bars are 95 % t-intervals. Line: every saved "
        f"MAC saves its share of time. Filled marks: unconstrained; open marks: at target MACs. {EDGES} "
        f"{single(table)}{beyond(table)}{background(table)}{failed(table)}"
    )
    return figure, caption


def _scatter(table: pd.DataFrame, xlabel: str, ylabel: str, reference: Callable[[Axes], object]) -> Figure:
    """A panel per task with a mark per cell at its columns x and y; the reference line stands for the dense network."""
    looks = style.looks(table["method"])
    cells = table.dropna(subset=["x", "y"])
    cells = cells[cells["method"] != BASELINE]
    with style.drawing():
        figure, drawn = panels(table, 2.6, xlabel, ylabel)
        marks = [(axes, _marks(axes, cells.loc[cells.index.intersection(part.index)], looks)) for axes, part in drawn]
        for axes, _ in drawn:
            reference(axes)
        legend(figure, [*handles(looks, label(figure, marks)), *handles_of_targets(cells)])
    return figure


def _marks(axes: Axes, cells: pd.DataFrame, looks: dict[str, style.Look]) -> list[labels.Mark]:
    marks = []
    for line in lines(cells):
        look = looks[line.method]
        halves = np.nan_to_num([line.x_half, line.y_half])
        mark = labels.Mark(
            line.method, look.color, line.x, line.y, float(halves[0]), float(halves[1]), look.grey, line.n == 1
        )
        draw_mark(axes, mark, look, filled=not is_constrained(line.target))
        marks.append(mark)
    draw_background(axes, marks)
    if not marks:
        axes.text(0.5, 0.5, "no run has a score", transform=axes.transAxes, ha="center")
    return focus(axes, marks)
