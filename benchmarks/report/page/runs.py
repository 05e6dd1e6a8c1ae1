"""What the page's script knows of the runs: every column of every row, what its table shows, and the histories."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.report.stats.names import BASELINE
from benchmarks.report.stats.summary import TASK
from benchmarks.schemas.rows import COLUMNS, TEXT_COLUMNS
from benchmarks.schemas.target import cell_folder

POINTS = 50_000
"""Epochs in all histories together that keep a page of 1,300 runs below 2 MB; longer ones are thinned out evenly."""
SHOWN = ("dataset", "network", "method", "target", "seed", "status")
CURVES = ("train_loss", "channels", "validation_accuracy")


def payload(rows: pd.DataFrame, histories: pd.DataFrame | None = None) -> dict[str, Any]:
    """For JSON: columns (raw), shown (the table's columns), dense (widths of each network) and histories."""
    return {
        "meanings": COLUMNS,
        "columns": {name: _values(rows[name], digits=None) for name in COLUMNS},
        "shown": shown(rows),
        "dense": dense_widths(rows),
        "histories": [] if histories is None else curves(rows, histories),
    }


def shown(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """The columns of the table of runs: name, meaning, digits (None for text) and values; None where there is none."""
    seconds = rows[["seconds_pretrain", "seconds_learn", "seconds_finetune"]].sum(axis=1)
    numbers = {
        "accuracy, %": (100 * rows["test_accuracy"], 2, COLUMNS["test_accuracy"]),
        "MACs kept, %": (100 * rows["macs"] / rows["macs_dense"], 1, COLUMNS["macs"]),
        "params kept, %": (100 * rows["params"] / rows["params_dense"], 1, COLUMNS["params"]),
        "training, GMACs": (rows["train_macs"] / 1e9, 1, COLUMNS["train_macs"]),
        "CPU ms, batch 128": (rows["latency_cpu_b128_ms"], 2, COLUMNS["latency_cpu_b128_ms"]),
        "seconds": (seconds, 0, "wall-clock seconds of training in all"),
    }
    texts = [
        {"name": name, "meaning": COLUMNS[name], "digits": 0 if name == "seed" else None}
        | {"values": _values(rows[name], digits=0)}
        for name in SHOWN
    ]
    return texts + [
        {"name": name, "meaning": meaning, "digits": digits, "values": _values(values, digits)}
        for name, (values, digits, meaning) in numbers.items()
    ]


def dense_widths(rows: pd.DataFrame) -> dict[str, dict[str, int]]:
    """Channels of each group of the whole network, by "dataset network"; networks without a dense run are left out."""
    dense = rows[(rows["method"] == BASELINE) & (rows["widths"] != "")].drop_duplicates(TASK)
    return {f"{d} {n}": json.loads(widths) for d, n, widths in dense[[*TASK, "widths"]].itertuples(index=False)}


def curves(rows: pd.DataFrame, histories: pd.DataFrame) -> list[dict[str, list[Any]] | None]:
    """Per row: its epochs with their phase and what was recorded at each; None where the row has no history."""
    if histories.empty:
        return []
    most = max(10, POINTS // len(rows))
    known = dict(iter(histories.groupby([*TASK, "cell", "seed"], sort=False)))
    cells = map(cell_folder, rows["method"], rows["target"])
    keys = zip(rows["dataset"], rows["network"], cells, rows["seed"], strict=True)
    return [_curve(known[key], most) if key in known else None for key in keys]


def _curve(history: pd.DataFrame, most: int) -> dict[str, list[Any]]:
    picked = np.unique(np.linspace(0, len(history) - 1, min(most, len(history))).round().astype(int))
    # What is recorded once, such as the accuracy after a search, is never thinned out.
    once = np.flatnonzero(history.get("validation_accuracy", pd.Series(np.nan, history.index)).notna())
    part = history.iloc[np.union1d(picked, once)]
    there = [name for name in CURVES if name in part and part[name].notna().any()]
    return {"phase": list(part["phase"]), "epoch": _rounded(part["epoch"])} | {n: _rounded(part[n]) for n in there}


def _values(column: pd.Series, digits: int | None) -> list[Any]:
    """As JSON has them: text, integers where all are whole, None for NaN."""
    if column.name in TEXT_COLUMNS:
        return column.map(str).tolist()
    if digits is not None:
        column = column.astype(float).replace([np.inf, -np.inf], np.nan).round(digits)
    return [None if math.isnan(x) else int(x) if x == int(x) else x for x in column.astype(float)]


def _rounded(values: Iterable[float]) -> list[float | None]:
    return [None if not math.isfinite(x) else float(f"{x:.4g}") for x in values]


def text(value: Any) -> str:
    """The value as text, whole numbers without a point."""
    return f"{value:g}" if isinstance(value, float) else str(value)
