"""Figure: difference to the dense network against MACs kept, over all tasks."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from scipy.optimize import isotonic_regression

from benchmarks.report.figures import style
from benchmarks.report.figures.focus import focus
from benchmarks.report.figures.labels import Mark
from benchmarks.report.figures.panels import draw_background, draw_mark, handles_of_targets, join, legend, sources
from benchmarks.report.stats import names
from benchmarks.report.stats.estimands import RELEVANT, tasks_or_seeds
from benchmarks.report.stats.names import BASELINE, plain_names
from benchmarks.report.stats.summary import FREE, TASK, on_common_tasks, scored, summary
from benchmarks.report.text.words import background, failed, lines, one_line, shared
from benchmarks.schemas.target import Target, is_constrained

GAP = 0.022
"""Least distance of two marks, as a fraction of the panel's width: the height of a name."""
HEIGHT, LETTER = 3.6, 0.049
"""Inches of the panel, and of a letter of a name that stands upright below its mark."""
LEAD = 0.06
"""Part of the panel's height that lines to the axis take."""
SPREAD_OF = 3
"""Fewest tasks from which the interval for tasks like these is drawn: that of two is 13 times its standard error."""
LONGEST = 34
"""Letters of a name that there is room for; what tells where a method came from makes the panel higher."""


def difference_against_macs(rows: pd.DataFrame) -> tuple[Figure, str]:
    """Test accuracy minus dense, a mark per method and target, joined by a line a method: mean over tasks, interval."""
    table = points(rows)
    table = spread(table).assign(kept=table["x"], shown=_shown(table))
    height = HEIGHT + LETTER * max([0, *(len(name) - LONGEST for name in table["shown"])])
    looks = style.looks(rows["method"])
    with style.drawing():
        figure = Figure(figsize=(2 * style.COLUMN, height), layout="constrained")
        axes = figure.subplots()
        axes.set_xlabel("MACs kept, % of dense")
        axes.set_ylabel("Test accuracy − dense, points")
        axes.axhspan(-RELEVANT, RELEVANT, color="0.93", linewidth=0, zorder=0)
        axes.axhline(0, color="black", linestyle="--", linewidth=0.8, zorder=1)
        axes.grid(axis="x", visible=False)
        marks = _marks(axes, table, looks)
        seen = focus(axes, [Mark(BASELINE, "black", 100, 0, 0, 0), *marks], targets=[FREE, *table["target"]])
        scale = axes.get_ylim()
        _clip(axes, join(axes, table, looks))
        _name(axes, seen, height)
        _lead(axes, table)
        _end_scale(axes, *scale)
        figure.draw_without_rendering()
        legend(figure, handles_of_targets(table))
    return figure, _caption(rows, table)


def _caption(rows: pd.DataFrame, table: pd.DataFrame) -> str:
    counts = sorted({int(tasks) for tasks in table["tasks"]})
    n = " to ".join(dict.fromkeys(map(str, [*counts[:1], *counts[-1:]]))) or "0"
    many = [count for count in counts if count >= SPREAD_OF]
    few = f"; of a method that ran on fewer than {SPREAD_OF}, for exactly these" if len(many) < len(counts) else ""
    unit = f"for tasks like these (tasks are the unit{few})" if many else "over seeds, for exactly these tasks"
    return (
        "Test accuracy minus that of the dense network, paired by seed, against multiply-accumulates (MACs) kept: mean "
        f"over n={n} tasks (dataset × network), of {int(table['runs'].sum())} runs; bars are 95 % t-intervals of that "
        f"difference {unit}. {shared(rows)}Marks are spread sideways, the best of a target on the left; the "
        "lines at the bottom lead to their MACs. In brackets: tasks, where fewer than others at the target, with which "
        "such a mean does not compare. Faint lines join the marks of a method, within the scale. Filled "
        "marks: unconstrained; open marks: at target MACs. Grey band: differences of at most "
        f"{RELEVANT} points, which count as practically equal. The scale ends at the dotted line, below which only "
        "names stand: arrow heads at its ends stand for means beyond it, and bars may be cut there. "
        f"{background(table)}{failed(summary(rows))}"
    )


def points(rows: pd.DataFrame) -> pd.DataFrame:
    """Per method and target: x (MACs kept, %), y (difference, points), its half-width, and how many tasks and runs.

    Tasks are weighed alike. With fewer than `SPREAD_OF` tasks, the interval is that for exactly these. At target MACs
    the tasks are those of `on_common_tasks`. Means at the same MACs, which methods meet within 2 %, share one x, the
    mean: all methods at a fraction of dense; and a method with those that match it, as far as they ran on the same
    tasks, since its MACs differ from task to task.
    """
    runs = scored(on_common_tasks(rows))
    runs = runs[(runs["method"] != BASELINE) & runs["difference"].notna()]
    found = []
    for (method, target), part in runs.groupby(["method", "target"]):
        estimate = tasks_or_seeds(100 * part.set_index(TASK)["difference"], SPREAD_OF)
        kept = 100 * part.groupby(TASK)["macs_kept"].mean().mean()
        place = _place(str(method), str(target), sorted(set(part[TASK].itertuples(index=False, name=None))))
        found.append((method, target, kept, estimate.mean, estimate.half(), estimate.tasks, estimate.runs, place))
    table = pd.DataFrame(found, columns=["method", "target", "x", "y", "half", "tasks", "runs", "place"])
    return table.assign(x=table.groupby("place")["x"].transform("mean")).drop(columns="place")


def _place(method: str, target: str, tasks: list[tuple[str, str]]) -> str:
    """Equal for means that share one x."""
    asked = Target.parse(target)
    if asked.fraction is not None:
        return target
    return f"{method} {target}" if asked.kind == "from" else f"{asked.matched or method} {tasks}"


def spread(table: pd.DataFrame) -> pd.DataFrame:
    """The points moved sideways by the least squares that leave a gap between any two, from the best to the worst."""
    named = table[~table["method"].isin(names.background(table["method"]))]
    order = named.sort_values(["x", "y"], ascending=[True, False])
    extent = max(20.0, table["x"].max() - table["x"].min()) if len(table) else 20.0
    steps = min(GAP, 0.9 / max(1, len(order))) * extent * np.arange(len(order))
    moved = isotonic_regression(order["x"].to_numpy() - steps).x + steps if len(order) else steps
    return table.assign(x=pd.Series(moved, order.index).reindex(table.index).fillna(table["x"]))


def _marks(axes: Axes, table: pd.DataFrame, looks: dict[str, style.Look]) -> list[Mark]:
    marks = []
    for line in lines(table):
        look = looks[line.method]
        mark = Mark(
            line.shown, look.color, line.x, line.y, 0, float(np.nan_to_num(line.half)), look.grey, int(line.runs)
        )
        draw_mark(axes, mark, look, filled=not is_constrained(line.target))
        marks.append(mark)
    draw_background(axes, marks)
    if not marks:
        axes.text(0.5, 0.5, "no run has a score and a dense run to compare with", transform=axes.transAxes, ha="center")
    return marks


def _clip(axes: Axes, joining: list[Line2D]) -> None:
    """Bars and lines end at the limits that the axes have now, wherever these are moved."""
    low, top = axes.get_ylim()
    inside = Rectangle((0, low), 1, top - low, transform=axes.get_yaxis_transform())
    for part in [*joining, *(artist for container in axes.containers for artist in container.get_children())]:
        part.set_clip_path(inside)


def _name(axes: Axes, marks: list[Mark], height: float) -> None:
    """Write each method's name upright below its interval, and make room for the names."""
    low, top = axes.get_ylim()
    floor = low
    for mark in marks:
        if mark.labelled or mark.color == style.GREY or mark.name == BASELINE:
            continue
        below = max(mark.y - mark.y_half, low)
        share = (LETTER * len(mark.name) + 0.08) / (height - 0.6)  # of the panel's height, which grows with the room
        floor = min(floor, (below - share * top) / (1 - share))
        axes.annotate(
            mark.name, (mark.x, below), xytext=(0, -3), textcoords="offset points",
            rotation=90, ha="center", va="top", fontsize=6, color=mark.color,
        )  # fmt: skip
    axes.set_ylim(floor, top)


def _end_scale(axes: Axes, low: float, top: float) -> None:
    """End the scale at the limits of the data, so that nobody reads a value where names alone stand."""
    axes.set_yticks([tick for tick in axes.get_yticks() if low <= tick <= top])
    axes.spines["left"].set_bounds(low, top)
    axes.axhline(low, color="0.6", linestyle=":", linewidth=0.6, zorder=0)


def _lead(axes: Axes, table: pd.DataFrame) -> None:
    """Lead from each mark, which is spread sideways, to its MACs on the axis."""
    low, top = axes.get_ylim()
    axes.set_ylim(low - LEAD * (top - low), top)
    named = table[~table["method"].isin(names.background(table["method"]))]
    for line in lines(named):
        x = (line.kept, line.x)
        axes.plot(x, (0, 0.8 * LEAD), transform=axes.get_xaxis_transform(), color="0.6", linewidth=0.5, zorder=0)


def _shown(table: pd.DataFrame) -> pd.Series:
    """The plain name of each line's method, shortened, where it came from, and on how few tasks it ran."""
    plain = plain_names(table["method"].unique())
    short = table["method"].map(lambda label: _short(one_line(plain[label])))
    fewer = table["tasks"] < table.groupby("target")["tasks"].transform("max")
    few = table["tasks"].map(lambda tasks: f" ({tasks})").where(fewer, "")
    return (short + sources(table) + few).map(one_line)


def _short(name: str) -> str:
    half = LONGEST // 2  # the last knobs tell a name from its neighbours as well as the first ones do
    return name if len(name) <= LONGEST else f"{name[: half - 1]}…{name[-half:]}"
