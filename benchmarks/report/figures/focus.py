"""Limits of a panel, which outliers cannot stretch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from benchmarks.report.figures.labels import Mark
from benchmarks.report.stats.placement import FENCE, INNER_FENCE, fences

FEW = 3
"""Runs from which on an interval has a say in the limits of an axis: that of two is 13 times its standard error."""


def focus(
    axes: Axes, marks: list[Mark], ceiling: float = np.inf, targets: Sequence[str] | None = None, least: float = 0.0
) -> list[Mark]:
    """Set the vertical limits to the bulk of the marks, at most the ceiling; intervals may be cut.

    With the target of each mark, the bulk is that of every target: two of eight unconstrained methods far below the
    others are outliers, however wide the marks of all targets spread together. A range or an interquartile range
    of the means below `least` counts as `least`.

    An outlier is drawn as an arrow head at the edge; its mark is returned there, first, with the value in its name.
    """
    if not marks:
        return marks
    low, high = _limits(_bulk(marks, targets, least), least)
    top = min(high, ceiling + 0.02 * (high - low))
    axes.set_ylim(low, top)
    inside = [mark for mark in marks if low <= mark.y <= high]
    return [_at_edge(axes, mark, low, top) for mark in marks if mark not in inside] + inside


def across(axes: Axes, marks: list[Mark], low: float = -np.inf, high: float = np.inf, least: float = 0.0) -> None:
    """Set the horizontal limits: all marks with their intervals, from `low` to `high`, and no narrower than `least`."""
    if not marks:
        return
    halves = [mark.x_half if mark.runs >= FEW else 0.0 for mark in marks]
    left = max(low, min(mark.x - half for mark, half in zip(marks, halves, strict=True)))
    right = min(high, max(mark.x + half for mark, half in zip(marks, halves, strict=True)))
    margin = max(0.05 * (right - left), (least - (right - left)) / 2, 1e-3 * abs(right), 1e-9)
    axes.set_xlim(max(low, left - margin), right + margin)


def _bulk(marks: list[Mark], targets: Sequence[str] | None, least: float) -> list[Mark]:
    """The marks whose means are no outliers, of all marks or at their target."""
    fence = FENCE if targets is None else INNER_FENCE
    peers: dict[str, list[Mark]] = {}
    for mark, target in zip(marks, targets or [""] * len(marks), strict=True):
        peers.setdefault(target, []).append(mark)
    found = []
    for group in peers.values():
        means = np.array([mark.y for mark in group])
        low, high = fences(means, max(least, 0.02 * abs(np.percentile(means, 75))), fence)
        found += [mark for mark in group if low <= mark.y <= high]
    return found


def _limits(bulk: list[Mark], room: float) -> tuple[float, float]:
    """Their range, with room on either side for most of their intervals."""
    least, most = min(mark.y for mark in bulk), max(mark.y for mark in bulk)
    halves = [mark.y_half if mark.runs >= FEW else 0.0 for mark in bulk]
    spread = max(most - least, room, float(np.median(halves)), 1e-3 * abs(most), 1e-9)
    low = max(min(mark.y - half for mark, half in zip(bulk, halves, strict=True)), least - spread)
    high = min(max(mark.y + half for mark, half in zip(bulk, halves, strict=True)), most + spread)
    margin = 0.08 * (high - low) or 0.1 * spread
    return low - margin, high + margin


def _at_edge(axes: Axes, mark: Mark, low: float, top: float) -> Mark:
    inset = 0.03 * (top - low)
    below = mark.y < low
    y = low + inset if below else top - inset
    axes.plot(mark.x, y, color=mark.color, marker="v" if below else "^", linestyle="", zorder=3)
    return mark._replace(name=f"{mark.name}: {mark.y:.1f}", y=y, x_half=0, y_half=0, labelled=False)
