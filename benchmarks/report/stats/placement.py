"""Where a plot puts its marks: which are outliers, where a panel ends, how far marks at one target are moved apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from benchmarks.schemas.target import is_constrained

FENCE, INNER_FENCE = 3.0, 1.5
"""Interquartile ranges beyond the quartiles at which outliers begin (Tukey 1977, Exploratory Data Analysis)."""
SPREAD = 0.012
"""Sideways distance of marks at the same target, as a fraction of the range of MACs."""


def fences(values: np.ndarray | pd.Series, least: float, fence: float = FENCE) -> tuple[float, float]:
    """The limits beyond which a value is an outlier; an interquartile range below `least` counts as `least`."""
    first, third = np.percentile(values, [25, 75])
    room = fence * max(third - first, least)
    return first - room, third + room


def reach(means: Sequence[float], halves: Sequence[float], least: float) -> tuple[float, float]:
    """The limits of a panel with 0: means and intervals that are no outliers, with room of at least `least` beside 0.

    halves: half widths of the intervals, NaN where there is none.
    """
    if not len(means):
        return -1.0, 1.0
    middle, half = np.array(means), np.nan_to_num(halves)
    low, high = fences(middle, least)
    _, widest = fences(half, least)
    inside = (low <= middle) & (middle <= high)
    room = np.maximum(np.where(half <= widest, half, 0.0), least)
    return min(*(middle - room)[inside], -least), max(*(middle + room)[inside], least)


def shifts(cells: pd.DataFrame) -> pd.Series:
    """How far each mark of a task moves sideways, as a fraction of dense MACs; 0 for unconstrained methods."""
    extent = max(0.1, cells["macs_kept"].max() - cells["macs_kept"].min())
    peers = cells.groupby("target")["method"]
    count = peers.transform("count")
    step = np.minimum(SPREAD, 0.1 / count)
    return ((peers.rank() - (count + 1) / 2) * step * extent).where(cells["target"].map(is_constrained).astype(bool), 0)
