"""Figure: MACs that unconstrained methods keep, against the size of the network and the difficulty of the task."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator, NullFormatter

from benchmarks.report.figures import style
from benchmarks.report.figures.labels import Mark
from benchmarks.report.figures.panels import draw_background, draw_mark, handles, legend
from benchmarks.report.stats.names import BASELINE
from benchmarks.report.stats.summary import FREE, TASK, summary
from benchmarks.report.text.words import failed, lines, scored_seeds, single

AXES = {"params_dense": "Parameters of the dense network", "dense_error": "Test error of the dense network, %"}


def compression(rows: pd.DataFrame) -> tuple[Figure, str]:
    """MACs kept by each unconstrained method, one mark per task, with 95 % t-intervals over seeds."""
    table = summary(rows)
    sizes = rows.groupby(TASK)["params_dense"].first()
    dense = table[table["method"] == BASELINE].groupby(TASK)["accuracy"].first()
    table = table.join(sizes, on=TASK).join((100 * (1 - dense)).rename("dense_error"), on=TASK)
    free = table[(table["target"] == FREE) & (table["method"] != BASELINE)]
    looks = style.looks(rows["method"])
    with style.drawing():
        figure = Figure(figsize=(2 * style.COLUMN, 2.8), layout="constrained")
        grid = figure.subplots(1, 2, sharey=True)
        top = max(100.0, 100 * np.nan_to_num(free["macs_kept"].max()))  # a network that a method built may keep more
        grid[0].set_ylim(np.nan_to_num(90 * free["macs_kept"].min()), 1.04 * top)  # of both, which share it
        drawn = pd.concat([_draw(axes, free, column, looks) for axes, column in zip(grid, AXES, strict=True)])
        grid[0].set_ylabel("MACs kept, % of dense")
        figure.draw_without_rendering()
        shown = set(drawn["method"])
        legend(figure, handles({name: looks[name] for name in sorted(shown)}, shown, filled=True))
    caption = (
        "Multiply-accumulates (MACs) kept by unconstrained methods, a mark per task (dataset × network): mean "
        f"over {scored_seeds(drawn) if len(drawn) else 'n=0 seeds'}; bars are 95 % t-intervals, cut at the edges. "
        "Left: against the parameters of the dense network; right: against its mean test error. Lines: least squares "
        f"through a method's marks (left: over the logarithm); they are no proof of a cause. {single(drawn)}"
        f"{failed(free)}"
    )
    return figure, caption


def _draw(axes: Axes, free: pd.DataFrame, column: str, looks: dict[str, style.Look]) -> pd.DataFrame:
    """Draw the cells if they lie at two places or more, else say what is missing; returns those that are drawn."""
    axes.set_xlabel(AXES[column])
    cells = free.dropna(subset=["macs_kept", column])
    if cells[column].nunique() < 2:
        axes.set_xticks([])
        axes.text(0.5, 0.5, _missing(free, column), transform=axes.transAxes, ha="center")
        return cells.head(0)
    if column == "params_dense":
        _scale_sizes(axes, cells[column])
    marks = []
    for method, part in cells.groupby("method"):
        look = looks[str(method)]
        for line in lines(part):
            half, runs = np.nan_to_num(100 * line.macs_kept_half), int(line.n)
            mark = Mark(str(method), look.color, getattr(line, column), 100 * line.macs_kept, 0, half, look.grey, runs)
            draw_mark(axes, mark, look, filled=True)
            marks.append(mark)
        _trend(axes, part, column, look)
    draw_background(axes, marks)
    return cells


def _missing(free: pd.DataFrame, column: str) -> str:
    if free["macs_kept"].isna().all():
        return "no unconstrained run has a score"
    if free[column].isna().all():
        return "no dense run to compare with"
    return "needs networks of two sizes" if column == "params_dense" else "needs two tasks"


def _scale_sizes(axes: Axes, sizes: pd.Series) -> None:
    """A logarithmic axis; with round numbers where it is too short for powers of ten."""
    axes.set_xscale("log")
    if sizes.max() < 10 * sizes.min():
        axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _trend(axes: Axes, part: pd.DataFrame, column: str, look: style.Look) -> None:
    x = np.log10(part[column]) if column == "params_dense" else part[column]
    if x.nunique() < 2:
        return
    slope, start = np.polyfit(x, 100 * part["macs_kept"], 1)
    ends = np.array([x.min(), x.max()])
    at = 10**ends if column == "params_dense" else ends
    axes.plot(at, start + slope * ends, color=look.color, linestyle=look.linestyle, alpha=0.6, zorder=0)
