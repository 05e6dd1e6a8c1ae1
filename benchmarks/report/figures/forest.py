"""Figure: variants of a method against its default, a forest of paired differences."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.report.figures import style
from benchmarks.report.figures.panels import SINGLE, beyond, panels
from benchmarks.report.stats.summary import FREE
from benchmarks.report.stats.variants import variants
from benchmarks.report.text.words import lines, one_line, tasks


def forest(rows: pd.DataFrame) -> tuple[Figure, str]:
    """Accuracy of each variant minus that of the default, a panel per task, 95 % t-intervals."""
    table = variants(rows)
    most = max((len(part) for _, part in tasks(table)), default=0)
    xlabel = "Test accuracy − default, points"
    with style.drawing():
        shown = table if len(table) else rows.head(1)
        figure, drawn = panels(shown, 0.8 + 0.16 * max(most, 3), xlabel, "")
        for axes, part in drawn:
            _forest(axes, part if len(table) else table)
    pairs = f"n={table['pairs'].min()} to {table['pairs'].max()}" if len(table) else "n=0"
    caption = (
        "Test accuracy of each variant minus that of the same method with its default knobs, paired by seed: mean "
        f"over {pairs} pairs; bars are 95 % t-intervals (small marks: n=1), cut at the panel's edge. Filled marks: "
        "unconstrained; open marks: at target MACs. On the right: MACs kept, minus the default's, in percentage "
        f"points; where they differ, accuracies differ for that reason too. {beyond(shown)}".rstrip()
    )
    return figure, caption


def _forest(axes: Axes, part: pd.DataFrame) -> None:
    axes.axvline(0, color="0.6", zorder=0)
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)
    table = part.sort_values(["base", "target", "difference"], ascending=[False, False, True], ignore_index=True)
    several = table["base"].nunique() > 1
    knobs = table["knobs"].where(table["target"] == FREE, table["knobs"] + " (" + table["target"] + ")")
    names = [one_line(name) for name in (table["base"] + ": " + knobs if several else knobs)]
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(-0.6, max(len(names), 1) - 0.4)
    for y, line in enumerate(lines(table)):
        face = "black" if line.target == FREE else "white"
        half = np.nan_to_num(100 * line.difference_half)
        size = SINGLE if line.pairs == 1 else style.RC["lines.markersize"]
        axes.errorbar(
            100 * line.difference, y, xerr=half, color="black", marker="o", markerfacecolor=face, markersize=size
        )
        right = axes.get_yaxis_transform()
        axes.text(1.01, y, f"{100 * line.macs_difference:+.1f}", transform=right, va="center", fontsize=6, color="0.3")
    if table.empty:
        axes.set_yticks([])
        axes.text(
            0.5, 0.5, "no method ran with its default knobs and with others", transform=axes.transAxes, ha="center"
        )
        return
    reach = 100 * (table["difference"].abs().max() + table["difference_half"].median(skipna=True))
    reach = 1.1 * reach if np.isfinite(reach) and reach > 0 else 1.0
    axes.set_xlim(-reach, reach)
