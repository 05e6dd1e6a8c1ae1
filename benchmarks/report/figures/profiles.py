"""Figure: performance profiles and the probability of improvement at each target (Agarwal et al. 2021, NeurIPS 34)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.report.figures import style
from benchmarks.report.figures.panels import handles, legend
from benchmarks.report.stats.comparisons import ranked_targets
from benchmarks.report.stats.names import SUBJECT, subject
from benchmarks.report.stats.profiles import gaps, improvement
from benchmarks.report.text.words import one_line

REACH = 5.0  # points


def profile_panels(rows: pd.DataFrame) -> tuple[Figure, str]:
    """Per target, on the left the fraction of tasks near the best method, on the right who the examined one beats."""
    examined = subject(rows) or SUBJECT
    found = {target: gaps(rows, target) for target in ranked_targets(rows)}
    found = {target: apart for target, apart in found.items() if apart.size and len(apart.columns) > 1}
    looks = style.looks(rows["method"])
    heights = [0.8 + 0.13 * max(len(apart.columns), 6) for apart in found.values()] or [1.5]
    with style.drawing():
        figure = Figure(figsize=(2 * style.COLUMN, sum(heights)), layout="constrained")
        grid = figure.subplots(len(heights), 2, squeeze=False, height_ratios=heights)
        for (left, right), (target, apart) in zip(grid, found.items(), strict=False):
            left.set_title(one_line(f"{target}: n={len(apart)} tasks"))
            _profiles(left, apart, looks)
            _improvement(right, improvement(rows, target, examined), looks, examined)
        if not found:
            for axes in grid[0]:
                axes.set_axis_off()
            grid[0][0].text(0.5, 0.5, "no two methods ran at the same target MACs", ha="center")
        figure.draw_without_rendering()
        shown = {str(method) for apart in found.values() for method in apart}
        if shown:
            entries = handles({name: looks[name] for name in sorted(shown)}, shown)
            for entry in entries:
                entry.set_linestyle(looks[name].linestyle if (name := str(entry.get_label())) in looks else "-")
            legend(figure, entries)
    caption = (
        f"Left: the fraction of tasks (dataset × network; n={min(map(len, found.values()), default=0)} or more, those "
        "that all methods ran on) on which a method's mean test accuracy is at most so far below that of the best; "
        f"higher is better. Right: probability that {one_line(examined)} has the higher accuracy on a seed and task "
        "(paired by seed; a tie counts half), mean over tasks; bars are 95 % t-intervals with tasks as the unit. A "
        "failed run counts as accuracy 0."
    )
    return figure, caption


def _profiles(axes: Axes, apart: pd.DataFrame, looks: dict[str, style.Look]) -> None:
    for method in map(str, apart):
        look = looks[method]
        own = apart[method].to_numpy()
        points = np.array([0, *np.sort(own[own <= REACH]), REACH])
        near = 100 * (own <= points[:, None]).mean(axis=1)
        width = 0.6 if look.grey else 1.0
        axes.plot(
            points, near, color=look.color, linestyle=look.linestyle, linewidth=width, drawstyle="steps-post",
            marker=look.marker, markersize=0 if look.grey else 3, markerfacecolor="white",
        )  # fmt: skip
    axes.set_xlim(0, REACH)
    axes.set_ylim(-3, 103)
    axes.set_xlabel("Points below the best method, at most")
    axes.set_ylabel("Tasks, %")


def _improvement(axes: Axes, beaten: pd.DataFrame, looks: dict[str, style.Look], examined: str) -> None:
    axes.set_xlim(0, 100)
    axes.set_xlabel(one_line(f"{examined} is better, %"))
    axes.axvline(50, color="0.6", zorder=0)
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)
    table = beaten.sort_values("probability", kind="stable")
    axes.set_yticks(range(len(table)), [one_line(str(method)) for method in table.index])
    axes.set_ylim(-0.6, max(len(table), 1) - 0.4)
    for y, (method, line) in enumerate(table.iterrows()):
        half, look = np.nan_to_num(100 * line["over_half"]), looks[str(method)]
        axes.errorbar(100 * line["probability"], y, xerr=half, color=look.color, marker=look.marker, markersize=3.5)
