"""Figure: test accuracy against MACs kept, with the dense network as reference."""

from __future__ import annotations

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
from benchmarks.report.stats.placement import shifts
from benchmarks.report.stats.summary import summary
from benchmarks.report.text.words import background, failed, lines, scored_seeds, single
from benchmarks.schemas.target import is_constrained


def accuracy_against_macs(rows: pd.DataFrame) -> tuple[Figure, str]:
    """Test accuracy against MACs kept, a panel per task, with 95 % t-intervals over seeds."""
    table = summary(rows)
    looks = style.looks(table["method"])
    with style.drawing():
        figure, drawn = panels(table, 2.6, "MACs kept, % of dense", "Test accuracy, %")
        marks = [(axes, _draw(axes, part[part["n"] > 0], looks)) for axes, part in drawn]
        unlabelled = label(figure, marks)
        legend(figure, [*handles(looks, unlabelled), *handles_of_targets(table)])
    caption = (
        "Test accuracy against multiply-accumulates (MACs) kept, one mark per method and target: mean over "
        f"{scored_seeds(table)}; bars are 95 % t-intervals. Filled marks: unconstrained; open marks: at target "
        "MACs, spread sideways so that their bars can be seen. Arrow heads at an edge stand for "
        "means beyond it, and bars may be cut there. Dashed line and band: the dense network "
        f"and its 95 % t-interval. {single(table)}{beyond(table)}{background(table)}{failed(table)}"
    )
    return figure, caption


def _draw(axes: Axes, cells: pd.DataFrame, looks: dict[str, style.Look]) -> list[labels.Mark]:
    marks = []
    for line, shift in zip(lines(cells), shifts(cells), strict=True):
        if line.method == BASELINE:
            continue
        look = looks[line.method]
        middle = (100 * (line.macs_kept + shift), 100 * line.accuracy)
        halves = np.nan_to_num([100 * line.macs_kept_half, 100 * line.accuracy_half])
        mark = labels.Mark(line.method, look.color, *middle, float(halves[0]), float(halves[1]), look.grey, line.n == 1)
        draw_mark(axes, mark, look, filled=not is_constrained(line.target))
        marks.append(mark)
    draw_background(axes, marks)
    _end_at_all(axes, marks)
    if cells.empty:
        axes.text(0.5, 0.5, "no run has a score", transform=axes.transAxes, ha="center")
    dense = cells[cells["method"] == BASELINE].head(1)
    reference = [labels.Mark(BASELINE, "black", 100, 100 * line.accuracy, 0, 0) for line in lines(dense)]
    seen = [mark for mark in focus(axes, reference + marks, ceiling=100) if mark.name != BASELINE]
    return _draw_dense(axes, dense) + seen


def _end_at_all(axes: Axes, marks: list[labels.Mark]) -> None:
    """No network keeps more than all MACs, though the interval of few seeds may; one that a method built itself may."""
    left, right = axes.get_xlim()
    most = max([100.0, *(mark.x for mark in marks)])
    axes.set_xlim(right=min(right, most + 0.04 * (most - left)))


def _draw_dense(axes: Axes, dense: pd.DataFrame) -> list[labels.Mark]:
    """Draw the reference line and its band; returns it as marks at both ends and in the middle, to be labelled once."""
    marks = []
    for line in lines(dense):
        middle, half = 100 * line.accuracy, 100 * np.nan_to_num(line.accuracy_half)
        axes.axhspan(middle - half, middle + half, color="0.9", linewidth=0, zorder=0)
        axes.axhline(middle, color="black", linestyle="--", linewidth=0.8, zorder=1)
        left, right = axes.get_xlim()
        for share in (0.05, 0.95, 0.5):
            marks.append(labels.Mark(BASELINE, "black", left + share * (right - left), middle, right - left, 0))
    return marks
