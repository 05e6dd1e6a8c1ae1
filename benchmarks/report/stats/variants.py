"""Variants of one method, which differ in their knobs: each against the default, paired by seed."""

from __future__ import annotations

import pandas as pd

from benchmarks.report.stats.comparisons import paired
from benchmarks.report.stats.summary import TASK, scored

MEASURED = ["accuracy", "macs_kept"]


def variant_pairs(rows: pd.DataFrame) -> pd.DataFrame:
    """Per scored run of a method with knobs (`switcher,input=noise`) whose default ran too: its measures.

    base: the default's label; knobs: what was set; difference: accuracy minus the default's of the same dataset,
    network, target and seed; macs_difference: the same of MACs kept. The target `match:<variant>` of a study that
    matches variants is not compared.
    """
    runs = scored(rows)
    parts = runs["method"].str.extract(r"^([^,]*),?(.*)$")
    runs = runs.assign(base=parts[0], knobs=parts[1])
    key = [*TASK, "target", "seed"]
    default = runs.loc[runs["knobs"] == "", [*key, "base", *MEASURED]]
    pairs = runs[runs["knobs"] != ""].merge(default, on=[*key, "base"], suffixes=("", "_default"))
    return pairs.assign(
        difference=(pairs["accuracy"] - pairs["accuracy_default"]).round(12),
        macs_difference=pairs["macs_kept"] - pairs["macs_kept_default"],
    )


def variants(rows: pd.DataFrame) -> pd.DataFrame:
    """`variant_pairs` over seeds: what `paired` gives, and the means of accuracy, macs_kept and macs_difference."""
    groups = variant_pairs(rows).groupby([*TASK, "target", "base", "knobs"])
    return paired(groups).join(groups[[*MEASURED, "macs_difference"]].mean()).reset_index()
