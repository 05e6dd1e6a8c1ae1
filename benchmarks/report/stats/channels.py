"""The learned structures: channels that each method keeps, layer by layer."""

from __future__ import annotations

import json

import pandas as pd

from benchmarks.report.stats.names import BASELINE
from benchmarks.report.stats.summary import CELL, TASK


def channels(rows: pd.DataFrame) -> pd.DataFrame:
    """Per cell and group: channels kept (mean over the runs that have widths), n, and the fraction of dense.

    Groups come in the order in which the network's first row names them. The fraction is NaN where the dense network
    has no row. A method that builds a network of its own has no part in them, nor has what is no count of channels.
    """
    dense_rows = rows.loc[rows["method"] == BASELINE, "widths"]
    groups = {group for widths in dense_rows for group in json.loads(widths or "{}")}
    kept = [
        (*cell, group, count)
        for *cell, widths in rows[[*CELL, "widths"]].itertuples(index=False)
        for group, count in json.loads(widths or "{}").items()
        if isinstance(count, int) and (not groups or group in groups)
    ]
    table = pd.DataFrame(kept, columns=[*CELL, "group", "channels"]).astype({"channels": float})
    means = table.groupby([*CELL, "group"], sort=False)["channels"].agg(["mean", "count"]).reset_index()
    means = means.rename(columns={"mean": "channels", "count": "n"})
    dense = means[means["method"] == BASELINE].drop_duplicates([*TASK, "group"])
    means = means.merge(dense[[*TASK, "group", "channels"]], on=[*TASK, "group"], how="left", suffixes=("", "_dense"))
    return means.assign(fraction=means["channels"] / means["channels_dense"])
