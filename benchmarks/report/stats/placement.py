"""Where a plot puts its marks: which are too far out to show, and how far those at one target are moved apart."""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks.report.stats.summary import TOLD

FENCE = 3.0
"""Interquartile ranges beyond the quartiles from which a value is far out (Tukey 1977, Exploratory Data Analysis)."""
SPREAD = 0.012
"""Sideways distance of marks at the same target, as a fraction of the panel's MACs."""


def fences(values: np.ndarray | pd.Series, least: float) -> tuple[float, float]:
    """The values beyond which one is far out; quartiles that are closer than `least` count as that far apart."""
    first, third = np.percentile(values, [25, 75])
    reach = FENCE * max(third - first, least)
    return first - reach, third + reach


def shifts(cells: pd.DataFrame) -> pd.Series:
    """How far each mark of a panel moves sideways, a fraction of dense MACs; 0 for those that chose their size."""
    extent = max(0.1, cells["macs_kept"].max() - cells["macs_kept"].min())
    peers = cells.groupby("target")["method"]
    count = peers.transform("count")
    step = np.minimum(SPREAD, 0.1 / count)
    return ((peers.rank() - (count + 1) / 2) * step * extent).where(cells["target"].str.startswith(TOLD), 0)
