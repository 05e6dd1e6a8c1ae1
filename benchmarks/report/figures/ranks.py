"""Figures of each target: average ranks with the critical difference (Demsar 2006, JMLR 7), and performance profiles
with the probability of improvement (Agarwal et al. 2021, NeurIPS 34).
"""

from __future__ import annotations

from itertools import chain

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import MultipleLocator
from scikit_posthocs import critical_difference_diagram

from benchmarks.report.figures import style
from benchmarks.report.figures.panels import handles, legend
from benchmarks.report.stats.comparisons import Ranking, complete, gaps, improvement, ranked_targets, ranking
from benchmarks.report.stats.names import plain_names, subject
from benchmarks.report.text.words import left_out, one_line

REACH = 5.0  # points of a performance profile


def rank_diagram(rows: pd.DataFrame) -> tuple[Figure, str]:
    """A line of average ranks per target; bars join methods that do not differ at 5 % (Nemenyi)."""
    examined = subject(rows)
    found = {target: ranking(rows, target, examined) for target in ranked_targets(rows)}
    found = {target: one for target, one in found.items() if one.n and len(one.table) > 1}
    looks = style.looks(rows["method"])
    heights = [0.9 + 0.08 * len(one.table) for one in found.values()] or [1.5]
    with style.drawing():
        figure = Figure(figsize=(2 * style.COLUMN, sum(heights)), layout="constrained")
        grid = figure.subplots(len(heights), 1, squeeze=False, height_ratios=heights).ravel()
        for axes, (target, one) in zip(grid, found.items(), strict=False):
            _diagram(axes, target, one, looks)
        if not found:
            _say(grid[0], "no two methods ran at the same target MACs")
    sizes = "; ".join(f"{one_line(target)}: n={one.n}" for target, one in found.items()) or "n=0"
    names = sorted({name for one in found.values() for name in one.left_out})
    left_out = f" Left out, as runs are missing: {one_line(', '.join(names))}." if names else ""
    caption = (
        "Average rank of test accuracy at each target (1, on the left, is best; mean over seeds, a failed run counts "
        f"as accuracy 0) over n tasks (dataset × network; {sizes}).{left_out} Bars join methods whose average "
        "ranks differ by less than the critical difference (Nemenyi, 5 %). Tasks are the unit."
    )
    return figure, caption


def _diagram(axes: Axes, target: str, one: Ranking, looks: dict[str, style.Look]) -> None:
    ranks = one.table.set_index("method")["average_rank"]
    apart = np.abs(np.subtract.outer(ranks.to_numpy(), ranks.to_numpy())) > one.critical_difference
    drawn = critical_difference_diagram(
        ranks,
        pd.DataFrame((~apart).astype(float), index=ranks.index, columns=ranks.index),
        ax=axes,
        label_fmt_left="{label}  {rank:.2f}",
        label_fmt_right="{rank:.2f}  {label}",
        color_palette={method: "0.35" if looks[method].grey else looks[method].color for method in ranks.index},
        marker_props={"s": 8},
        elbow_props={"linewidth": 0.7},
        crossbar_props={"color": "0.25", "linewidth": 1.6, "marker": None},
    )
    for bar in chain.from_iterable(drawn["crossbars"]):
        bar.set_xdata(np.sort(bar.get_xdata()))  # it comes from a set, whose order differs from process to process
    _span_all_ranks(axes, drawn["elbows"], drawn["labels"], len(ranks))
    axes.grid(False)
    axes.set_title(one_line(f"{target}: n={one.n}, critical difference {one.critical_difference:.2f}"))


def _span_all_ranks(axes: Axes, elbows: list[Line2D], labels: list[Text], worst: int) -> None:
    """Let the axis run from rank 1 to the worst, with the names at its ends; by default it begins at the best mean."""
    axes.set_xlim(1, worst)
    axes.xaxis.set_major_locator(MultipleLocator(1 if worst <= 15 else 5))
    for elbow, label in zip(elbows, labels, strict=True):
        outer, *inner = np.asarray(elbow.get_xdata(), dtype=float)
        end = 1 if outer < inner[0] else worst
        elbow.set_xdata([end, *inner])
        label.set_x(end + 0.01 * (worst - 1) * (1 if end > 1 else -1))


def _say(axes: Axes, text: str) -> None:
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center")


def profile_panels(rows: pd.DataFrame) -> tuple[Figure, str]:
    """Per target, on the left the fraction of tasks near the best method, on the right who the examined one beats."""
    examined = subject(rows)
    found = {target: gaps(rows, target) for target in ranked_targets(rows)}
    found = {target: apart for target, apart in found.items() if apart.size and len(apart.columns) > 1}
    lost = {target: names for target in found if (names := complete(rows, target)[1])}
    without = " ".join(f"{one_line(target)}: {left_out(names)}" for target, names in lost.items())
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
            lines = {plain: looks[name].linestyle for name, plain in plain_names(shown).items()}
            for entry in entries:
                entry.set_linestyle(lines.get(str(entry.get_label()), "-"))
            legend(figure, entries)
    caption = (
        f"Left: the fraction of tasks (dataset × network; n={min(map(len, found.values()), default=0)} or more) on "
        "which a method's mean test accuracy is at most so far below that of the best; "
        f"higher is better. Right: probability that {one_line(examined)} has the higher accuracy on a seed and task "
        "(paired by seed; a tie counts half), mean over tasks; bars: Wilson's 95 % intervals, a comparison per task. "
        f"A failed run counts as accuracy 0. {without}".rstrip()
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
        mean, look = 100 * line["probability"], looks[str(method)]
        bars = [[mean - 100 * line["over_low"]], [100 * line["over_high"] - mean]]
        axes.errorbar(mean, y, xerr=np.maximum(bars, 0), color=look.color, marker=look.marker, markersize=3.5)
