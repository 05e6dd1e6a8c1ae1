"""Figure: channels that each method keeps, layer by layer."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.report.figures import style
from benchmarks.report.figures.panels import PAGE, beyond, panels, wrapped
from benchmarks.report.stats.channels import channels
from benchmarks.report.stats.names import few
from benchmarks.report.stats.summary import TASK, summary
from benchmarks.report.text.words import failed, one_line, scored_seeds

MAX_NUMBERED = 10
"""Layers up to which a panel has room for the number of channels in each of its squares."""
MAX_NAMED = 24
"""Layers whose names a panel has room for; of more, every second one is named, or every third, and so on."""
MAX_LETTERS = 18
"""The last ones of a layer's name, which tell it from its neighbours."""
LETTER = 0.045
"""Inches of a panel's height that a letter of an upright name takes."""
BAR = 0.5
"""Inches that the bar of shades and its label take below the panels."""


def channels_kept(rows: pd.DataFrame) -> tuple[Figure, str]:
    """Channels kept per layer, a heat map per task: methods by target, mean over seeds."""
    table = summary(rows)
    shown = few(table["method"])
    left_out = table["method"].nunique() - len(shown)
    table = table[table["method"].isin(shown)]
    kept = channels(rows)
    names = [_lines(part)[0] for _, part in table.groupby(TASK)]
    most = max(len(own) * max(name.count("\n") + 1 for name in own) for own in names)
    with style.drawing():
        longest = max(map(len, map(_short, kept["group"])), default=0)
        figure, drawn = panels(table, 0.5 + 0.13 * max(most, 4) + LETTER * longest, "", "")
        for axes, part in drawn:
            _heat_map(axes, part, kept.merge(part[TASK].drop_duplicates()), numbered=len(drawn) <= PAGE)
        width, height = figure.get_size_inches()
        figure.set_size_inches(width, height + BAR)
        room = BAR / (height + BAR)
        bar = figure.colorbar(
            axes.collections[0], ax=figure.axes, location="bottom", aspect=60, shrink=0.5, fraction=room, pad=0.01
        )
        bar.set_label("channels kept, % of dense")
        bar.outline.set_visible(False)
        # Vectors in place of an embedded picture, which would tie the bytes to the image library.
        assert bar.solids is not None
        bar.solids.set(rasterized=False, edgecolor="face")
    caption = (
        f"Channels kept per layer, mean over {scored_seeds(table)}; shade: fraction of the dense network's channels, "
        f"numbers in the squares: channels. Within each target the most accurate method comes first. "
        f"Lines without squares have no structure to show; of more than {MAX_NAMED} layers some are named. "
        f"{f'{left_out} more methods are in rows.csv. ' if left_out else ''}{beyond(table)}{failed(table)}"
    )
    return figure, caption


def _heat_map(axes: Axes, cells: pd.DataFrame, kept: pd.DataFrame, numbered: bool) -> None:
    groups = list(dict.fromkeys(kept["group"])) or ["none"]
    names, keys = _lines(cells)
    shade, count = (_square(kept, value, keys, groups) for value in ("fraction", "channels"))
    lines = 0.6 if len(groups) <= 2 * MAX_NAMED else 0  # they would cover narrow squares
    axes.pcolormesh(100 * shade, cmap="Blues", vmin=0, vmax=100, edgecolors="white", linewidth=lines)
    axes.invert_yaxis()
    axes.set_yticks(np.arange(len(names)) + 0.5, names)
    for (method, _), text in zip(keys, axes.get_yticklabels(), strict=True):
        text.set_fontweight("normal" if method else "bold")
    named = range(0, len(groups), -(-len(groups) // MAX_NAMED))
    upright = max(map(len, groups)) > 6 or len(groups) > MAX_NUMBERED
    axes.set_xticks([at + 0.5 for at in named], [_short(groups[at]) for at in named], rotation=90 if upright else 0)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.grid(False)
    if numbered and len(groups) <= MAX_NUMBERED:
        for i, j in np.argwhere(np.isfinite(count)):
            color = "white" if shade[i, j] > 0.6 else "black"
            axes.text(j + 0.5, i + 0.5, f"{count[i, j]:.3g}", ha="center", va="center", color=color, fontsize=5.5)
    elif not np.isfinite(shade).any():
        axes.text(0.5, 0.5, "no dense network to compare with", transform=axes.transAxes, ha="center", va="center")


def _short(group: str) -> str:
    return group if len(group) <= MAX_LETTERS else f"…{group[1 - MAX_LETTERS :]}"


def _square(kept: pd.DataFrame, value: str, keys: list[tuple[str, str]], groups: list[str]) -> np.ndarray:
    wide = kept.set_index(["method", "target", "group"])[value].unstack("group")
    return wide.reindex(index=pd.MultiIndex.from_tuples(keys), columns=groups).to_numpy(dtype=float)


def _lines(cells: pd.DataFrame) -> tuple[list[str], list[tuple[str, str]]]:
    """Names and (method, target) of the heat map's lines; each target opens with a line without a method."""
    names, keys = [], []
    for target, part in cells.groupby("target", sort=False):
        names.append(one_line(str(target)))
        keys.append(("", str(target)))
        names += [wrapped(one_line(method)) for method in part["method"]]
        keys += [(method, str(target)) for method in part["method"]]
    return names, keys
