"""Forests of paired differences: methods against a control at equal MACs, and variants against their default."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from benchmarks.report.figures import style
from benchmarks.report.figures.focus import FEW
from benchmarks.report.figures.panels import PAGE, SINGLE, beyond, panels, wrapped
from benchmarks.report.stats.comparisons import against_control, ranked_targets
from benchmarks.report.stats.estimands import RELEVANT, Estimate, each_task, over_tasks
from benchmarks.report.stats.names import background, few, plain_names
from benchmarks.report.stats.placement import reach
from benchmarks.report.stats.summary import FREE, TASK, scored
from benchmarks.report.stats.variants import variants
from benchmarks.report.text.words import lines, one_line, tasks
from benchmarks.schemas.target import Target

LINE, MARK = 0.092, 2.8
"""Inches of a forest's height that a line takes, and points of a mark."""
INSET = (0.012, 0, 0.988, 1)
"""The figure without its left edge: names are wider in a file than in the layout."""
POOLED = "over tasks"
Key = tuple[str, str]
"""A line: method and task; `POOLED` for the mean over tasks, an empty task for the method's name."""


def control_forest(rows: pd.DataFrame) -> tuple[Figure, str]:
    """At each target, every method minus the control: a line per task, and below them the mean over tasks."""
    runs = scored(rows)
    pairs = {target: found for target in ranked_targets(rows) if (found := against_control(runs, Target.parse(target)))}
    cells = {target: _cells(compared, few(rows["method"])) for target, (_, compared) in pairs.items()}
    keys = _order(cells, rows)
    with style.drawing():
        figure = Figure(figsize=(2 * style.COLUMN, 0.9 + LINE * max(len(keys), 8)))
        figure.set_layout_engine(ConstrainedLayoutEngine(rect=INSET))
        grid = figure.subplots(1, max(len(pairs), 1), squeeze=False, sharey=True).ravel()
        _name_lines(grid[0], keys, rows)
        for axes, (target, own) in zip(grid, cells.items(), strict=False):
            axes.set_title(one_line(target))
            count = max((one.tasks for one in own.values()), default=0)
            axes.set_xlabel(f"− {one_line(pairs[target][0])}, points\nn={count} task{'s' * (count != 1)}")
            _control_lines(axes, own, keys)
        if not keys:
            grid[0].text(0.5, 0.5, "no control ran at target MACs", transform=grid[0].transAxes, ha="center")
    counts = sorted({one.runs for own in cells.values() for (_, task), one in own.items() if task != POOLED}) or [0]
    n = " to ".join(dict.fromkeys(map(str, (counts[0], counts[-1]))))
    more = f"{count} more methods are in the tables. " if (count := len(background(rows["method"]))) else ""
    caption = (
        "Test accuracy minus that of the control, which is named below each panel, at the same MACs. Circles: a task "
        f"(dataset × network), mean over n={n} pairs of the same seed, with its 95 % t-interval (small: n=1). "
        "Diamonds: mean over all tasks on which both ran, with a 95 % t-interval for tasks like these. Grey band: "
        f"differences of at most {RELEVANT} points, which count as practically equal; filled marks: the interval lies "
        "beyond it. Arrow heads at an edge: means (filled) or bars (open) that lie or go on beyond it. "
        f"{more}{beyond(rows, PAGE)}".rstrip()
    )
    return figure, caption


def _cells(pairs: pd.DataFrame, shown: list[str]) -> dict[Key, Estimate]:
    found: dict[Key, Estimate] = {}
    for method, own in pairs[pairs["method"].isin(shown)].groupby("method"):
        points = own.set_index(TASK)["points"]
        found |= {(str(method), task): one for task, one in each_task(points).items()}
        found[str(method), POOLED] = over_tasks(points)
    return found


def _order(cells: Mapping[str, Mapping[Key, Estimate]], rows: pd.DataFrame) -> list[Key]:
    """The lines from the top: the method with the best mean first, its tasks in the order of the rows."""
    places = [", ".join(map(str, task)) for task in rows[TASK].drop_duplicates().itertuples(index=False)]
    places = ["", *places[:PAGE], POOLED] if len(places) > 1 else places
    methods = {method for own in cells.values() for method, _ in own}
    means = {m: np.mean([own[m, POOLED].mean for own in cells.values() if (m, POOLED) in own]) for m in methods}
    return [(m, place) for m in sorted(methods, key=lambda method: (-means[method], method)) for place in places]


def _name_lines(axes: Axes, keys: list[Key], rows: pd.DataFrame) -> None:
    plain, one_task = plain_names(rows["method"].unique()), len({task for _, task in keys}) == 1
    names = [one_line(plain[method] if one_task or not task else task) for method, task in keys]
    axes.set_yticks(range(len(keys)), names, fontsize=5.5)
    axes.set_ylim(len(keys) - 0.3, -0.7)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", visible=False)
    for (_, task), text in zip(keys, axes.get_yticklabels(), strict=True):
        if one_task or not task:
            text.set(fontweight="bold", fontsize=6.5)


def _control_lines(axes: Axes, own: Mapping[Key, Estimate], keys: list[Key]) -> None:
    low, high = _framed(axes, [one.mean for one in own.values()], [one.half() for one in own.values()])
    for y, one, pooled in [(y, own[key], key[1] == POOLED) for y, key in enumerate(keys) if key in own]:
        if not low <= one.mean <= high:
            _at_edge(axes, y, below=one.mean < low)
            continue
        half = float(np.nan_to_num(one.half()))
        beyond_band = half > 0 and abs(one.mean) - half > RELEVANT
        _bar(
            axes, y, one.mean, half, marker="D" if pooled else "o",
            markersize=1.3 * MARK if pooled else 0.6 * MARK if one.runs == 1 else MARK,
            markerfacecolor="black" if beyond_band else "white", markeredgewidth=0.6, elinewidth=1.2 if pooled else 0.6,
        )  # fmt: skip


def _framed(axes: Axes, means: Sequence[float], halves: Sequence[float]) -> tuple[float, float]:
    """Draw the line at 0 and the band of practical equality, and set the limits, which are returned."""
    axes.axvspan(-RELEVANT, RELEVANT, color="0.93", linewidth=0, zorder=0)
    axes.axvline(0, color="0.6", zorder=0.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", visible=False)
    low, high = reach(means, halves, RELEVANT)
    axes.set_xlim(low, high)
    return low, high


def _at_edge(axes: Axes, y: float, below: bool, face: str = "black") -> None:
    """An arrow head in place of a mean beyond the panel; white: of what a bar has beyond it."""
    x, head = (0.03, "<") if below else (0.97, ">")
    right = axes.get_yaxis_transform()
    axes.plot(x, y, head, color="black", markerfacecolor=face, markeredgewidth=0.6, transform=right, markersize=MARK)


def _bar(axes: Axes, y: float, mean: float, half: float, **marks: Any) -> None:
    """A mean with its interval, and arrow heads where that goes on beyond the panel."""
    axes.errorbar(mean, y, xerr=half, color="black", **marks)
    low, high = axes.get_xlim()
    for below, cut in ((True, mean - half < low), (False, mean + half > high)):
        if cut:
            _at_edge(axes, y, below, face="white")


def variant_forest(rows: pd.DataFrame) -> tuple[Figure, str]:
    """Accuracy of each variant minus that of the default, a panel per task, 95 % t-intervals."""
    table = variants(rows)
    table["name"] = names = _variant_names(table)
    most = max((len(part) for _, part in tasks(table)), default=0)
    pitch = 0.22 if any("\n" in name for name in names) else 0.16
    xlabel = "Test accuracy − default, points"
    with style.drawing():
        shown = table if len(table) else rows.head(1)
        figure, drawn = panels(shown, 0.8 + pitch * max(most, 3), xlabel, "")
        figure.set_layout_engine(ConstrainedLayoutEngine(rect=INSET))
        for axes, part in drawn:
            _variant_lines(axes, part if len(table) else table)
    pairs = f"n={table['pairs'].min()} to {table['pairs'].max()}" if len(table) else "n=0"
    caption = (
        "Test accuracy of each variant minus that of the same method with its default knobs, paired by seed: mean "
        f"over {pairs} pairs; bars are 95 % t-intervals (small marks: n=1). Arrow heads at an edge: means (filled) or "
        f"bars (open) that lie or go on beyond it. Grey band: differences of at most {RELEVANT} points, which count as "
        "practically equal. Circles: unconstrained (filled) or at target MACs (open). On the right: MACs kept, minus "
        "those of the default, in percentage points; where they differ, accuracies differ for that reason too. "
        f"{beyond(shown)}".rstrip()
    )
    return figure, caption


def _variant_names(table: pd.DataFrame) -> list[str]:
    """What differs from the default, and where; with the method if there are several."""
    found = list(zip(table["base"], table["knobs"], table["target"], strict=True))
    plain = plain_names([f"{base},{knobs}" for base, knobs, _ in found])
    several = len({base for base, _, _ in found}) > 1
    names = []
    for base, knobs, target in found:
        name = plain[f"{base},{knobs}"].partition(",")[2] + ("" if target == FREE else f" ({target})")
        names.append(wrapped(one_line(f"{base}: {name}" if several else name)))
    return names


def _variant_lines(axes: Axes, part: pd.DataFrame) -> None:
    bulk = part[part["pairs"] >= FEW] if (part["pairs"] >= FEW).any() else part.assign(difference_half=np.nan)
    low, high = _framed(axes, (100 * bulk["difference"]).tolist(), (100 * bulk["difference_half"]).tolist())
    if part.empty:
        axes.set_yticks([])
        message = "no method ran with its default knobs and with others"
        axes.text(0.5, 0.5, message, transform=axes.transAxes, ha="center")
        return
    table = part.sort_values(["base", "target", "difference"], ascending=[False, False, True], ignore_index=True)
    axes.set_yticks(range(len(table)), table["name"], fontsize=6)
    axes.set_ylim(-0.6, len(table) - 0.4)
    for y, line in enumerate(lines(table)):
        right = axes.get_yaxis_transform()
        axes.text(1.01, y, f"{100 * line.macs_difference:+z.1f}", transform=right, va="center", fontsize=6, color="0.3")
        if not low <= 100 * line.difference <= high:
            below = 100 * line.difference < low
            _at_edge(axes, y, below)
            x, side = (0.05, "left") if below else (0.95, "right")
            axes.text(x, y, f"{100 * line.difference:+z.1f}", transform=right, va="center", ha=side, fontsize=5.5)
            continue
        face = "black" if line.target == FREE else "white"
        half = np.nan_to_num(100 * line.difference_half)
        size = SINGLE if line.pairs == 1 else style.RC["lines.markersize"]
        _bar(axes, y, 100 * line.difference, half, marker="o", markerfacecolor=face, markersize=size)
