"""Figures of histories: the factors of the examined method, and training curves."""

from __future__ import annotations

from itertools import islice

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from benchmarks.report.figures import style
from benchmarks.report.figures.panels import MOST, beyond, legend, panels
from benchmarks.report.stats.names import few, plain_names, subject
from benchmarks.report.stats.summary import FREE, TASK
from benchmarks.report.text.words import one_line, tasks
from benchmarks.schemas.target import cell_folder

SHADES = mpl.colormaps["viridis"]
QUANTITIES = {"alive": "Channels alive, %", "factor": "Mean factor", "reactivated": "Channels that came back"}
"""Prefix of a history's columns (`alive/conv1`) -> label of its axis."""
SPANS = {"alive": (0.0, 100.0), "factor": (0.9, 1.1), "reactivated": (0.0, 1.0)}
"""What an axis shows at least: in a narrower one, rounding would look like training."""


def trajectories(rows: pd.DataFrame, histories: pd.DataFrame) -> tuple[Figure, str]:
    """Channels alive, mean factor and reactivations per layer, over the unconstrained runs of the examined method.

    histories: one line per run and epoch, with a column <quantity>/<group> for each quantity of a group; where
    there are none, the figure says so.
    """
    examined = subject(rows)
    runs = histories[histories["cell"] == cell_folder(examined, FREE)].merge(rows[TASK].drop_duplicates())
    quantities = {quantity: _columns(runs, quantity) for quantity in QUANTITIES}
    quantities = {quantity: columns for quantity, columns in quantities.items() if columns} or {"alive": []}
    parts = list(islice(tasks(runs), MOST // 2)) or [("no history of the switcher", runs)]
    with style.drawing():
        size = (min(2, len(quantities)) * style.COLUMN, 1.9 * len(parts))
        figure = Figure(figsize=size if len(quantities) < 3 else (2.4 * len(quantities), size[1]), layout="constrained")
        grid = figure.subplots(len(parts), len(quantities), squeeze=False)
        for line, (title, part) in zip(grid, parts, strict=True):
            for axes, (quantity, columns) in zip(line, quantities.items(), strict=True):
                axes.set_title(title)
                axes.set_ylabel(QUANTITIES[quantity])
                _layers(axes, part, [name for name in columns if part[name].notna().any()], quantity)
        for axes in grid[-1]:
            axes.set_xlabel("Epoch")
        figure.draw_without_rendering()
        ends = {"first layer": 0.0, "middle": 0.5, "last layer": 1.0}
        legend(figure, [Line2D([], [], color=_shade(depth), label=text) for text, depth in ends.items()])
    n = runs.groupby(TASK)["seed"].nunique() if any(quantities.values()) else pd.Series(dtype=int)
    seeds = f"n={n.min()} to {n.max()} seeds" if len(n) else "n=0 seeds"
    caption = (
        f"{one_line(examined)} (unconstrained) over its training, layer by layer: channels whose factor is not 0, in "
        "percent of the layer's, and their mean factor, as recorded in the runs' histories. Lines: mean over "
        f"{seeds}; bands: least to greatest seed, not an interval. {beyond(runs, MOST // 2)}Shade: depth."
    )
    return figure, caption


def _columns(runs: pd.DataFrame, quantity: str) -> list[str]:
    return [str(name) for name in runs if str(name).startswith(f"{quantity}/") and runs[name].notna().any()]


def _shade(depth: float) -> tuple[float, float, float, float]:
    # The light end of the scale would vanish on white.
    return SHADES(0.85 * depth)


def _layers(axes: Axes, part: pd.DataFrame, columns: list[str], quantity: str) -> None:
    for i, name in enumerate(columns):
        values = part.dropna(subset=[name])
        # A layer begins whole, so that its greatest count is its size.
        scale = 100 / values[name].max() if quantity == "alive" else 1.0
        over = (scale * values[name]).groupby(values["epoch"]).agg(["mean", "min", "max"])
        color = _shade(i / max(1, len(columns) - 1))
        axes.plot(over.index, over["mean"], color=color, linewidth=1)
        axes.fill_between(over.index, over["min"], over["max"], color=color, alpha=0.15, linewidth=0)
    least, most = SPANS[quantity]
    low, high = (min(least, axes.dataLim.y0), max(most, axes.dataLim.y1)) if columns else (least, most)
    axes.set_ylim(low - 0.04 * (high - low), high + 0.04 * (high - low))
    if not columns:
        axes.text(0.5, 0.5, "the histories hold no factors", transform=axes.transAxes, ha="center")


def training_curves(rows: pd.DataFrame, histories: pd.DataFrame) -> tuple[Figure, str]:
    """Training loss over epochs, a line per method: unconstrained, or else at its smallest target MACs."""
    shown = _one_cell_each(rows)
    curves = histories.merge(shown, on="cell").merge(rows[TASK].drop_duplicates())
    looks = style.looks(rows["method"])
    plain = plain_names(looks)
    with style.drawing():
        there = curves if len(curves) else rows
        figure, drawn = panels(there, 2.3, "Epoch", "Training loss, nats")
        for axes, part in drawn if len(curves) else []:
            _curves(axes, part, looks)
        figure.draw_without_rendering()
        lines = {method: looks[method] for method in shown["method"]}
        legend(figure, [Line2D([], [], color=x.color, linestyle=x.linestyle, label=plain[m]) for m, x in lines.items()])
    n = curves["seed"].nunique()
    left_out = rows["method"].nunique() - shown["method"].nunique()
    others = f" {left_out} more methods are in runs.parquet." if left_out else ""
    caption = (
        f"Mean training loss of each epoch (logarithmic), mean over n={n} seeds, without intervals; a method's penalty "
        "is not in it. Each method is unconstrained, or else at its smallest target MACs. The "
        f"dense network's line includes the shared pretraining.{others} {beyond(there)}".rstrip()
    )
    return figure, caption


def _one_cell_each(rows: pd.DataFrame) -> pd.DataFrame:
    cells = rows[["method", "target"]].drop_duplicates()
    cells = cells[cells["method"].isin(few(cells["method"]))]
    cells = cells.assign(constrained=cells["target"] != FREE).sort_values(["constrained", "target"])
    cells = cells.drop_duplicates("method").sort_values("method")
    folders = list(map(cell_folder, cells["method"], cells["target"]))
    return cells.assign(cell=folders)[["method", "cell"]]


def _curves(axes: Axes, part: pd.DataFrame, looks: dict[str, style.Look]) -> None:
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    for method, line in part.groupby("method"):
        mean = line.groupby("epoch")["train_loss"].mean()
        look = looks[str(method)]
        axes.plot(mean.index, mean, color=look.color, linestyle=look.linestyle, linewidth=1)
