"""What the page's plot shows: the methods' looks, the means of each block, and where to look."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.markers import MarkerStyle
from matplotlib.path import Path
from matplotlib.transforms import Affine2D

from benchmarks.report.figures import style
from benchmarks.report.page import charts
from benchmarks.report.stats.pareto import front
from benchmarks.report.stats.summary import BASELINE, BLOCK, CELL, TOLD, summary

FENCE = 3.0
"""Interquartile ranges beyond the quartiles from which a run is far out (Tukey 1977, Exploratory Data Analysis)."""


def payload(rows: pd.DataFrame) -> dict[str, Any]:
    """For JSON: looks (method -> colour, shape), blocks, points (runs), cells (means) and the two specifications."""
    table = summary(rows)
    table = table.assign(front=front(table))
    looks = {
        method: {"colour": charts.INK if method == BASELINE else look.color, "shape": shape(look.marker)}
        for method, look in sorted(style.looks(rows["method"]).items())
        if method in set(rows["method"])
    }
    return {
        "looks": looks,
        "blocks": [
            {"dataset": dataset, "network": network, "domain": domain(part), "far": far_out(part)}
            | {"cells": cells(table[(table["dataset"] == dataset) & (table["network"] == network)])}
            for (dataset, network), part in rows.groupby(BLOCK, sort=False)
        ],
        "plot": charts.plot(looks).to_dict(validate=True),
        "curve": charts.curve().to_dict(validate=True),
    }


def shape(marker: str) -> str:
    """One of matplotlib's markers as an SVG path in a square from -1 to 1."""
    drawn = MarkerStyle(marker)
    path = drawn.get_path().transformed(drawn.get_transform())
    # SVG counts downwards.
    path = path.transformed(Affine2D().scale(1 / np.abs(np.asarray(path.vertices)).max()).scale(1, -1))
    letters = {Path.MOVETO: "M", Path.LINETO: "L", Path.CURVE3: "Q", Path.CURVE4: "C", Path.CLOSEPOLY: "Z"}
    steps = [(letters[code], "" if code == Path.CLOSEPOLY else points) for points, code in path.iter_segments()]
    return "".join(letter + ",".join(f"{x:.3g}" for x in points) for letter, points in steps)


def cells(block: pd.DataFrame) -> list[dict[str, Any]]:
    """The means of a block in percent, with the ends of their 95 % t-intervals where there are two seeds or more."""
    part = block[block["n"] > 0]
    wide = pd.DataFrame({
        **{name: part[name] for name in (*CELL[2:], "n", "front")},
        "macs": (100 * part["macs_kept"]).round(3), "shift": shifts(part).round(3),
        "x": (100 * part["macs_kept"] + shifts(part)).round(3), "y": (100 * part["accuracy"]).round(3),
        "low": (100 * (part["accuracy"] - part["accuracy_half"].fillna(0))).round(3),
        "high": (100 * (part["accuracy"] + part["accuracy_half"].fillna(0))).round(3),
    })  # fmt: skip
    return [{str(name): value for name, value in line.items()} for line in wide.to_dict("records")]


def shifts(part: pd.DataFrame) -> pd.Series:
    """Sideways distances in percent of MACs, so that marks that were told the same size do not hide each other."""
    peers = part.groupby("target")["method"]
    extent = max(10.0, 100 * float(part["macs_kept"].max() - part["macs_kept"].min()))
    step = extent * np.minimum(0.012, 0.1 / peers.transform("count"))
    return ((peers.rank() - (peers.transform("count") + 1) / 2) * step).where(part["target"].str.startswith(TOLD), 0.0)


def domain(rows: pd.DataFrame) -> list[float] | None:
    """Lowest and highest accuracy in percent of the runs that are not far out, with some room; None without a run."""
    values = 100 * rows.loc[rows["status"] == "ok", "test_accuracy"].dropna()
    if values.empty:
        return None
    bulk = values[~_far(values)]
    room = max(0.06 * (bulk.max() - bulk.min()), 0.1)
    return [round(bulk.min() - room, 3), round(min(bulk.max() + room, 100.2), 3)]


def far_out(rows: pd.DataFrame) -> int:
    """How many runs the plot leaves out at first."""
    return int(_far(100 * rows.loc[rows["status"] == "ok", "test_accuracy"].dropna()).sum())


def _far(values: pd.Series) -> pd.Series:
    if values.empty:
        return values.astype(bool)
    first, third = np.percentile(values, [25, 75])
    reach = FENCE * max(third - first, 0.5)
    return (values < first - reach) | (values > third + reach)
