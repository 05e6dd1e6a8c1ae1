"""Figures of a panel per task: difference to dense against size and training cost, real against ideal speed-up."""

from __future__ import annotations

import math
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
    join,
    label,
    legend,
    lift,
    panels,
    sources,
)
from benchmarks.report.stats.estimands import RELEVANT
from benchmarks.report.stats.names import BASELINE, plain_names
from benchmarks.report.stats.placement import shifts
from benchmarks.report.stats.summary import CELL, TASK, scored, summary
from benchmarks.report.text.words import background, failed, lines, scored_seeds, single
from benchmarks.schemas.target import is_constrained

EDGES = "Arrow heads at an edge stand for means beyond it, and bars may be cut there."
FILLED = "Filled marks: unconstrained; open marks: at target MACs"
DIFFERENCE = "Test accuracy − dense, points"

Reference = Callable[[Axes, pd.DataFrame, list[labels.Mark]], list[labels.Mark]]
"""Sets the limits of a panel of these cells and marks, and draws the dense network; returns the marks to label."""


def accuracy_against_macs(rows: pd.DataFrame) -> tuple[Figure, str]:
    """Difference to dense against MACs kept; the accuracy of the dense network stands above each panel."""
    table = summary(rows)
    paired = table.assign(n=table["pairs"])
    moved = [shifts(part) for _, part in paired[paired["n"] > 0].groupby(TASK, sort=False)]
    shift = pd.concat(moved) if moved else pd.Series(dtype=float)
    figure = _scatter(
        paired.assign(
            x=100 * (table["macs_kept"] + shift.reindex(table.index)), x_half=100 * table["macs_kept_half"],
            y=100 * table["difference"], y_half=100 * table["difference_half"],
        ),
        "MACs kept, % of dense", DIFFERENCE, _difference_to_dense, joined=True,
    )  # fmt: skip
    caption = (
        "Test accuracy minus that of the dense network, paired by seed, against multiply-accumulates (MACs) kept, one "
        f"mark per method and target: mean over {scored_seeds(paired)}; bars are 95 % t-intervals, of the paired "
        f"difference and of the MACs. {FILLED}, spread sideways so that their bars can be seen. Faint lines join the "
        f"marks of a method. {EDGES} Dashed line: the dense network; its accuracy above each panel is a mean, ± half "
        f"of its 95 % t-interval. Grey band: differences of at most {RELEVANT} points, which count as practically "
        f"equal. {single(paired)}{_rest(table)}"
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
        "Training MACs, × dense", DIFFERENCE, _line(lambda axes: axes.axhline(0, **LINE)),
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
ENDS = (0.08, 0.92, 0.5)
"""Where the dashed line can be named, as fractions of its length."""
LEAST = 2.0
"""Points that differences spread at least: closer ones make no outlier of another, and intervals have this room."""
WIDE = 50
"""Letters of a title that there is room for on one line."""
LINE: dict[str, Any] = {"color": "0.6", "zorder": 0}


def _rest(table: pd.DataFrame) -> str:
    return f"{beyond(table)}{background(table)}{failed(table)}"


def _scatter(table: pd.DataFrame, xlabel: str, ylabel: str, reference: Reference, joined: bool = False) -> Figure:
    """A panel per task with a mark per cell at its columns x and y, in the look of its method, joined or not."""
    looks = style.looks(table["method"])
    table = table.assign(shown=table["method"].map(plain_names(looks)) + sources(table))
    constrained = table.loc[table["method"] != BASELINE, "target"].map(is_constrained)
    with style.drawing():
        figure, drawn = panels(table, 2.6, xlabel, ylabel)
        marks, joining = [], []
        for axes, part in drawn:
            cells = part.dropna(subset=["x", "y"])
            if cells.empty:
                axes.text(0.5, 0.5, _absent(part), transform=axes.transAxes, ha="center")
            marks.append((axes, reference(axes, cells, _marks(axes, cells, looks))))
            joining.append(join(axes, cells, looks) if joined else [])
        unlabelled = set(table.loc[table["shown"].isin(label(figure, marks)), "method"])
        for (axes, _), behind in zip(drawn, joining, strict=True):
            lift(axes, behind)
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
    return marks


def _line(draw: Callable[[Axes], object]) -> Reference:
    """A line where the dense network lies."""

    def drawn(axes: Axes, _: pd.DataFrame, marks: list[labels.Mark]) -> list[labels.Mark]:
        seen = focus(axes, marks)
        across(axes, marks, least=NARROW)
        draw(axes)
        return seen

    return drawn


def _difference_to_dense(axes: Axes, cells: pd.DataFrame, marks: list[labels.Mark]) -> list[labels.Mark]:
    """A dashed line at 0 in a grey band: marks at both ends and in the middle of it, of which one is labelled."""
    if cells.empty:
        return []
    # No network keeps more than all MACs, though the interval of few seeds may; one that a method built itself may.
    most = max([100.0, *(mark.x for mark in marks)])
    across(axes, marks, low=0.0, high=most, least=2.0)
    dense = cells.loc[cells["method"] == BASELINE].iloc[0]
    _title(axes, dense["accuracy"], dense["accuracy_half"])
    perfect = max([100 * (1 - dense["accuracy"]), *(mark.y for mark in marks)])
    reference = labels.Mark(BASELINE, "black", 100, 0, 0, RELEVANT)
    seen = [mark for mark in focus(axes, [reference, *marks], ceiling=perfect, least=LEAST) if mark.name != BASELINE]
    axes.axhspan(-RELEVANT, RELEVANT, color="0.93", linewidth=0, zorder=0)
    axes.axhline(0, color="black", linestyle="--", linewidth=0.8, zorder=1)
    left, right = axes.get_xlim()
    ends = [labels.Mark(BASELINE, "black", left + share * (right - left), 0, right - left, 0) for share in ENDS]
    return ends + seen


def _title(axes: Axes, accuracy: float, half: float) -> None:
    """Add the accuracy of the dense network to the title of the panel."""
    interval = "" if math.isnan(half) else f" ± {100 * half:.1f}"
    title, dense = axes.get_title(loc="left"), f"(dense {100 * accuracy:.1f}{interval} %)"
    axes.set_title(f"{title}{' ' if len(title) + len(dense) < WIDE else chr(10)}{dense}")


def _absent(part: pd.DataFrame) -> str:
    """Why a panel is empty."""
    there = part.loc[part["accuracy"].notna(), "method"]
    if there.empty:
        return "no run has a score"
    return "no run was timed" if BASELINE in set(there) else "no dense run to compare with"
