"""The tables of a study by name."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from benchmarks.report.stats.summary import summary
from benchmarks.report.tables.ablation import ablation
from benchmarks.report.tables.cost import cost
from benchmarks.report.tables.images import image_by_image, noise
from benchmarks.report.tables.matched import against_controls, matched_macs, ranks
from benchmarks.report.tables.overall import overall, profiles
from benchmarks.report.tables.published import published
from benchmarks.report.tables.summary import failures, summarised
from benchmarks.report.text.sheets import Tables

TABLES: dict[str, Callable[[pd.DataFrame], Tables]] = {
    "summary": lambda rows: summarised(summary(rows)),
    "overall": overall,
    "ranks": ranks,
    "profiles": profiles,
    "matched": matched_macs,
    "controls": against_controls,
    "cost": cost,
    "ablation": ablation,
    "failures": failures,
}
"""Name of the file -> what it holds, from rows."""

OF_PUBLISHED: dict[str, Callable[[pd.DataFrame, pd.DataFrame], Tables]] = {"published": published}
"""The same for those that need the numbers of papers too (`published.read_published`)."""

OF_IMAGES: dict[str, Callable[[pd.DataFrame, pd.DataFrame], Tables]] = {
    "test_noise": noise,
    "mcnemar": image_by_image,
}
"""The same for those that need to know which test images each run classifies correctly (`schemas.correct`)."""
