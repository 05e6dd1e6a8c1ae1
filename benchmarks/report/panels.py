"""What the figures share: a panel per dataset and network, and a legend that takes no room from them."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchmarks.report import style
from benchmarks.report.display import blocks


def panels(
    table: pd.DataFrame, height: float, xlabel: str, ylabel: str
) -> tuple[Figure, list[tuple[Axes, pd.DataFrame]]]:
    """A figure with a titled panel for each block of the table, at most two side by side, each of this height in inches."""
    parts = list(blocks(table))
    columns = min(2, len(parts))
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


def legend(figure: Figure, handles: Sequence[Artist]) -> None:
    """Add a legend below the panels, and its height to the figure; the panels keep their size to the pixel."""
    width, height = figure.get_size_inches()
    box = figure.legend(handles=handles, loc="lower left", ncols=max(1, int(width / 1.1)))
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    extra = box.get_window_extent(FigureCanvasAgg(figure).get_renderer()).height / figure.dpi
    figure.set_size_inches(width, height + extra)
    for axes in figure.axes:
        left, bottom, across, up = axes.get_position().bounds
        axes.set_position((left, (bottom * height + extra) / (height + extra), across, up * height / (height + extra)))
