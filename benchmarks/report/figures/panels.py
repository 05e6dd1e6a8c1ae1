"""What the figures share: a panel per task, the marks, and a legend below the panels."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from textwrap import wrap
from typing import Any

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from benchmarks.report.figures import labels, style
from benchmarks.report.stats.names import BASELINE, plain_names
from benchmarks.report.stats.summary import TASK
from benchmarks.report.text.words import tasks
from benchmarks.schemas.target import FREE, Target, is_constrained

PAGE = 10
"""Panels that a page has room for."""
MOST = 24
"""Panels that a screen has room for, and a reader the patience."""
NAME = 36
"""Letters of a method's name that stand on one line beside a panel."""
SINGLE = 2.2
"""Size of a mark that stands for one run, in points."""
JOINING: dict[str, Any] = {"linewidth": 0.6, "alpha": 0.5, "zorder": 1}
GROUND: dict[str, Any] = {"facecolor": "white", "alpha": 0.8, "linewidth": 0, "zorder": 1.5}
"""Over the joining lines, under the marks."""


def panels(
    table: pd.DataFrame, height: float, xlabel: str, ylabel: str
) -> tuple[Figure, list[tuple[Axes, pd.DataFrame]]]:
    """A figure with a titled panel for each task of the table, each of this height in inches.

    Two side by side, as a page has room for; four in a large study, which is read on a screen. Of a study with more
    than `MOST` tasks the first ones; `beyond` says so.
    """
    parts = list(islice(tasks(table), MOST))
    columns = min(2 if len(parts) <= PAGE else 4, len(parts))
    rows = -(-len(parts) // columns)
    figure = Figure(figsize=(style.COLUMN * columns, height * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for unused in grid[len(parts) :]:
        unused.remove()
    drawn = []
    for i, (axes, (title, part)) in enumerate(zip(grid, parts, strict=False)):
        axes.set_title(title)
        axes.set_xlabel(xlabel if i + columns >= len(parts) else "")
        axes.set_ylabel(ylabel if i % columns == 0 else "")
        drawn.append((axes, part))
    return figure, drawn


def wrapped(name: str) -> str:
    """A long name, of many knobs, on several lines, so that the marks beside it keep their room."""
    return "\n".join(wrap(name.replace(",", ", "), NAME)) if len(name) > NAME else name


def beyond(table: pd.DataFrame, most: int = MOST) -> str:
    """A sentence on the tasks that a figure leaves out, with a trailing space; empty if it shows them all."""
    there = len(table[TASK].drop_duplicates())
    sentence = f"Shown: the first {most} of {there} tasks; the tables and the page hold all. "
    return sentence if there > most else ""


def legend(figure: Figure, handles: Sequence[Artist]) -> None:
    """Add a legend below the panels, which are laid out, and its height to the figure: they keep their size."""
    width, height = figure.get_size_inches()
    figure.set_layout_engine("none")
    renderer = FigureCanvasAgg(figure).get_renderer()
    for columns in range(max(1, int(width / 1.1)), 0, -1):
        box = figure.legend(handles=handles, loc="lower left", ncols=columns)
        extent = box.get_window_extent(renderer)
        if columns == 1 or extent.x1 <= width * figure.dpi:
            break
        box.remove()  # names are long
    extra = extent.height / figure.dpi
    figure.set_size_inches(width, height + extra)
    for axes in figure.axes:
        left, bottom, across, up = axes.get_position().bounds
        axes.set_position((left, (bottom * height + extra) / (height + extra), across, up * height / (height + extra)))


def draw_mark(axes: Axes, mark: labels.Mark, look: style.Look, filled: bool) -> None:
    """Draw a mark with its intervals in its method's look, a single run small; not grey ones: see `draw_background`."""
    if look.grey:
        return
    axes.errorbar(
        mark.x,
        mark.y,
        mark.y_half,
        mark.x_half,
        color=look.color,
        marker=look.marker,
        markerfacecolor=look.color if filled else "white",
        markersize=SINGLE if mark.runs == 1 else style.RC["lines.markersize"],
        elinewidth=0.6,
        markeredgewidth=0.8,
    )


def draw_background(axes: Axes, marks: Sequence[labels.Mark]) -> None:
    """Draw the grey marks as dots without intervals, all at once: thousands of single ones take minutes."""
    dots = [mark for mark in marks if mark.labelled]
    if dots:
        axes.plot([mark.x for mark in dots], [mark.y for mark in dots], ".", color=style.GREY, zorder=1)


def join(axes: Axes, table: pd.DataFrame, looks: dict[str, style.Look]) -> list[Line2D]:
    """Join the marks of each method, from the fewest MACs on, by a faint line behind them; grey ones stay single.

    What was transferred from other networks is not joined: another start, not another size.
    """
    other = table["target"].map(lambda target: Target.parse(target).kind == "from").astype(bool)
    sizes = table[~other & (table["method"] != BASELINE)].sort_values("x", kind="stable")
    return [
        line
        for method, part in sizes.groupby("method")
        if len(part) > 1 and not (look := looks[str(method)]).grey
        for line in axes.plot(part["x"], part["y"], look.linestyle, color=look.color, **JOINING)
    ]


def lift(axes: Axes, joining: Sequence[Line2D]) -> None:
    """Put a pale ground between each of these lines and the labels that stand on it; the layout must be final."""
    paths = [axes.transData.transform_path(line.get_path()) for line in joining]
    for text in axes.texts:
        box = text.get_window_extent()
        if any(path.intersects_bbox(box, filled=False) for path in paths):
            corner, opposite = axes.transAxes.inverted().transform(box.get_points())
            axes.add_patch(Rectangle(corner, *(opposite - corner), transform=axes.transAxes, **GROUND))


def label(figure: Figure, marks: Sequence[tuple[Axes, Sequence[labels.Mark]]]) -> set[str]:
    """Label the marks of each panel directly; returns the names without room in at least one panel."""
    figure.draw_without_rendering()
    # One for all labels: each holds a picture of the whole figure.
    renderer = FigureCanvasAgg(figure).get_renderer()
    unlabelled: set[str] = set()
    for axes, points in marks:
        unlabelled |= {point.name for point in points if not point.labelled} - labels.place(axes, points, renderer)
    return unlabelled


def sources(table: pd.DataFrame) -> pd.Series:
    """Per line " from lenet5" or " match l1" where its method has other lines with a target; else empty."""
    targets = [Target.parse(target) for target in table["target"]]
    told = [f" {target.kind} {target.value}" if target.kind in ("from", "match") else "" for target in targets]
    given = table["target"].where(table["target"] != str(FREE))
    several = given.groupby(table["method"]).transform("nunique") > 1
    return pd.Series(told, table.index, dtype=object).where(several, "")


def handles(looks: dict[str, style.Look], names: set[str], filled: bool = False) -> list[Line2D]:
    """Legend entries of these methods under their plain names, and one for all grey dots."""
    plain = plain_names(looks)
    others = sum(look.grey for look in looks.values())
    dots = Line2D([], [], color=style.GREY, marker=".", linestyle="", label=f"{others} other methods")
    few = [
        Line2D([], [], color="black", linestyle="--", label=name)
        if name == BASELINE
        else Line2D(
            [],
            [],
            color=look.color,
            marker=look.marker,
            linestyle="",
            label=plain[name],
            markerfacecolor=look.color if filled else "white",
        )
        for name, look in looks.items()
        if name in names and not look.grey
    ]
    return [*few, dots] if others else few


def handles_of_targets(table: pd.DataFrame) -> list[Line2D]:
    """Legend entries for filled and open marks, as far as the table has them."""
    constrained = table.loc[table["method"] != BASELINE, "target"].map(is_constrained).astype(bool)
    faces = {"unconstrained": ("0.3", (~constrained).any()), "at target MACs": ("white", constrained.any())}
    return [
        Line2D([], [], color="0.3", marker="o", linestyle="", label=label, markerfacecolor=face)
        for label, (face, there) in faces.items()
        if there
    ]
