"""The figures of a study by name: each function returns a matplotlib Figure and its caption."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
from matplotlib.figure import Figure

from benchmarks.report.figures.channels import channels_kept
from benchmarks.report.figures.compression import compression
from benchmarks.report.figures.difference import difference_against_macs
from benchmarks.report.figures.forest import control_forest, variant_forest
from benchmarks.report.figures.histories import training_curves, trajectories
from benchmarks.report.figures.ranks import profile_panels, rank_diagram
from benchmarks.report.figures.scatter import (
    accuracy_against_cost,
    accuracy_against_macs,
    real_against_theoretical_speedup,
)

FIGURES: dict[str, Callable[[pd.DataFrame], tuple[Figure, str]]] = {
    "difference": difference_against_macs,
    "accuracy_macs": accuracy_against_macs,
    "accuracy_cost": accuracy_against_cost,
    "ranks": rank_diagram,
    "profiles": profile_panels,
    "compression": compression,
    "channels": channels_kept,
    "speedup": real_against_theoretical_speedup,
    "equal_macs": control_forest,
    "ablation": variant_forest,
}
"""Name of the file -> what draws it from rows."""

OF_HISTORIES: dict[str, Callable[[pd.DataFrame, pd.DataFrame], tuple[Figure, str]]] = {
    "trajectories": trajectories,
    "curves": training_curves,
}
"""The same for those that need the runs' histories too."""
