"""Figures of a panel per task: accuracy against size and against the cost of training, real against ideal speed-up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.report.figures import labels, style
from benchmarks.report.figures.focus import across, focus
from benchmarks.report.figures.panels import (
    beyond,
    draw_background,
    draw_mark,
    handles,
    handles_of_targets,
    label,
    legend,
    panels,
    sources,
)
from benchmarks.report.stats.names import BASELINE, plain_names
from benchmarks.report.stats.placement import shifts
from benchmarks.report.stats.summary import CELL, TASK, scored, summary
from benchmarks.report.text.words import background, failed, lines, scored_seeds, single
from benchmarks.schemas.target import is_constrained

EDGES = "Arrow heads at an edge stand for means beyond it, and bars may be cut there."
FILLED = "Filled marks: unconstrained; open marks: at target MACs"

Reference = Callable[[Axes, pd.DataFrame, list[labels.Mark]], list[labels.Mark]]
"""Sets the limits of a panel of these cells and marks, and draws the dense network; returns the marks to label."""


def accuracy_against_macs(rows: pd.DataFrame) -> tuple[Figure, str]:
    """Test accuracy against MACs kept, with the dense network as reference."""
    table = summary(rows)
    moved = [shifts(part) for _, part in table[table["n"] > 0].groupby(TASK, sort=False)]
    shift = pd.concat(moved) if moved else pd.Series(dtype=float)
    figure = _scatter(
        table.assign(
            x=100 * (table["macs_kept"] + shift.reindex(table.index)), x_half=100 * table["macs_kept_half"],
            y=100 * table["accuracy"], y_half=100 * table["accuracy_half"],
        ),
        "MACs kept, % of dense", "Test accuracy, %", _accuracy_of_dense,
    )  # fmt: skip
    caption = (
        "Test accuracy against multiply-accumulates (MACs) kept, one mark per method and target: mean over "
        f"{scored_seeds(table)}; bars are 95 % t-intervals. {FILLED}, spread sideways so that their bars can be seen. "
        f"{EDGES} Dashed line and band: the dense network and its 95 % t-interval. {single(table)}"
        f"{_rest(table)}"
    )
    return figure, caption


def accuracy_against_cost(rows: pd.DataFrame) -> tuple[Figure, str]:
    """Difference to dense against the cost of training, search and pretraining included."""
    table = summary(rows)
    figure = _scatter(
        table.assign(
            x=table["cost"], x_half=table["cost_half"],
            y=100 * table["difference"], y_half=100 * table["difference_half"],
        ),
        "Training MACs, × dense", "Test accuracy − dense, points", _line(lambda axes: axes.axhline(0, **LINE)),
    )  # fmt: skip
    caption = (
        "Test accuracy minus that of dense, paired by seed, against the training multiply-accumulates (MACs) of the "
        f"whole run relative to dense, search and pretraining included: mean over {scored_seeds(table)}; bars are 95 % "
        f"t-intervals. {FILLED}. {EDGES} {single(table)}{_rest(table)}"
    )
    return figure, caption


def real_against_theoretical_speedup(rows: pd.DataFrame) -> tuple[Figure, str]:
    """Measured CPU speed-up at batch 128 against the ratio of MACs; on the diagonal every MAC saved is time saved."""
    table = summary(rows)
    timings = scored(rows).groupby(CELL)["speedup_cpu"].count().rename("timings")
    timed = table.assign(n=table.join(timings, on=CELL)["timings"].fillna(0))
    there = timed[timed["n"] > 0] if timed["n"].any() else timed
    figure = _scatter(
        timed.assign(x=1 / table["macs_kept"], x_half=np.nan, y=table["speedup_cpu"], y_half=table["speedup_cpu_half"]),
        "Dense MACs / MACs kept", "CPU speed-up, batch 128", _line(lambda axes: axes.axline((1, 1), slope=1, **LINE)),
    )  # fmt: skip
    caption = (
        "Measured speed-up over the dense network (CPU, batch of 128, paired by seed) against the theoretical one, the "
        f"ratio of multiply-accumulates: mean over {scored_seeds(there)}, as far as they were timed; bars are 95 % "
        f"t-intervals. Line: every saved MAC saves its share of time. {FILLED}. {EDGES} "
        f"{single(there)}{_rest(table)}"
    )
    return figure, caption


NARROW = 0.1
"""Least width of an axis of ratios: in a narrower one, rounding would look like a difference."""
LINE: dict[str, Any] = {"color": "0.6", "zorder": 0}


def _rest(table: pd.DataFrame) -> str:
    return f"{beyond(table)}{background(table)}{failed(table)}"


def _scatter(table: pd.DataFrame, xlabel: str, ylabel: str, reference: Reference) -> Figure:
    """A panel per task with a mark per cell at its columns x and y, in the look of its method."""
    looks = style.looks(table["method"])
    table = table.assign(shown=table["method"].map(plain_names(looks)) + sources(table))
    constrained = table.loc[table["method"] != BASELINE, "target"].map(is_constrained)
    with style.drawing():
        figure, drawn = panels(table, 2.6, xlabel, ylabel)
        marks = []
        for axes, part in drawn:
            cells = part.dropna(subset=["x", "y"])
            marks.append((axes, reference(axes, cells, _marks(axes, cells, looks))))
        unlabelled = set(table.loc[table["shown"].isin(label(figure, marks)), "method"])
        legend(figure, [*handles(looks, unlabelled, not constrained.any()), *handles_of_targets(table)])
    return figure


def _marks(axes: Axes, cells: pd.DataFrame, looks: dict[str, style.Look]) -> list[labels.Mark]:
    marks = []
    for line in lines(cells[cells["method"] != BASELINE]):
        look = looks[line.method]
        halves = np.nan_to_num([line.x_half, line.y_half])
        mark = labels.Mark(
            line.shown, look.color, line.x, line.y, float(halves[0]), float(halves[1]), look.grey, int(line.n)
        )
        draw_mark(axes, mark, look, filled=not is_constrained(line.target))
        marks.append(mark)
    draw_background(axes, marks)
    if cells.empty:
        axes.text(0.5, 0.5, "no run has a score", transform=axes.transAxes, ha="center")
    return marks


def _line(draw: Callable[[Axes], object]) -> Reference:
    """A line where the dense network lies."""

    def drawn(axes: Axes, _: pd.DataFrame, marks: list[labels.Mark]) -> list[labels.Mark]:
        seen = focus(axes, marks)
        across(axes, marks, least=NARROW)
        draw(axes)
        return seen

    return drawn


def _accuracy_of_dense(axes: Axes, cells: pd.DataFrame, marks: list[labels.Mark]) -> list[labels.Mark]:
    """A dashed line and a band: marks at both ends and in the middle of it, of which one is labelled."""
    # No network keeps more than all MACs, though the interval of few seeds may; one that a method built itself may.
    most = max([100.0, *(mark.x for mark in marks)])
    across(axes, marks, low=0.0, high=most, least=2.0)
    dense = [
        (100 * line.accuracy, 100 * float(np.nan_to_num(line.accuracy_half)))
        for line in lines(cells[cells["method"] == BASELINE].head(1))
    ]
    reference = [labels.Mark(BASELINE, "black", 100, middle, 0, 0) for middle, _ in dense]
    seen = [mark for mark in focus(axes, reference + marks, ceiling=100) if mark.name != BASELINE]
    left, right = axes.get_xlim()
    ends = []
    for middle, half in dense:
        axes.axhspan(middle - half, middle + half, color="0.9", linewidth=0, zorder=0)
        axes.axhline(middle, color="black", linestyle="--", linewidth=0.8, zorder=1)
        places = (left + share * (right - left) for share in (0.05, 0.95, 0.5))
        ends += [labels.Mark(BASELINE, "black", x, middle, right - left, 0) for x in places]
    return ends + seen
