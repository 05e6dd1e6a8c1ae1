"""What the page's plot shows: the methods' looks, the means of each task, and the limits of the axes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.markers import MarkerStyle
from matplotlib.path import Path
from matplotlib.transforms import Affine2D

from benchmarks.report.page import charts
from benchmarks.report.stats.names import BASELINE
from benchmarks.report.stats.pareto import front
from benchmarks.report.stats.placement import fences, shifts
from benchmarks.report.stats.summary import CELL, TASK, summary
from benchmarks.schemas.target import is_constrained

Look = tuple[str, str, str]
"""How a method is drawn: colour, matplotlib's marker, line style."""


def payload(rows: pd.DataFrame, looks: Mapping[str, Look]) -> dict[str, Any]:
    """For JSON: looks (method -> colour, shape), tasks with their cells (means), and the two specifications."""
    table = summary(rows)
    table = table.assign(front=front(table))
    drawn = {
        method: {"colour": charts.INK if method == BASELINE else looks[method][0], "shape": shape(looks[method][1])}
        for method in sorted(set(rows["method"]))
    }
    return {
        "looks": drawn,
        "tasks": [
            {"dataset": dataset, "network": network, "domain": domain(part), "outliers": outliers(part)}
            | {"cells": cells(table[(table["dataset"] == dataset) & (table["network"] == network)])}
            for (dataset, network), part in rows.groupby(TASK, sort=False)
        ],
        "plot": charts.plot(drawn).to_dict(validate=True),
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


def cells(task: pd.DataFrame) -> list[dict[str, Any]]:
    """The means of a task in percent, with the ends of their 95 % t-intervals where there are two seeds or more."""
    part = task[task["n"] > 0]
    moved = 100 * shifts(part)
    wide = pd.DataFrame({
        **{name: part[name] for name in (*CELL[2:], "n", "front")},
        "constrained": part["target"].map(is_constrained),
        "macs": (100 * part["macs_kept"]).round(3), "shift": moved.round(3),
        "x": (100 * part["macs_kept"] + moved).round(3), "y": (100 * part["accuracy"]).round(3),
        "low": (100 * (part["accuracy"] - part["accuracy_half"].fillna(0))).round(3),
        "high": (100 * (part["accuracy"] + part["accuracy_half"].fillna(0))).round(3),
    })  # fmt: skip
    return [{str(name): value for name, value in line.items()} for line in wide.to_dict("records")]


def domain(rows: pd.DataFrame) -> list[float] | None:
    """Lowest and highest accuracy in percent of the runs that are no outliers, with some room; None without a run."""
    values = 100 * rows.loc[rows["status"] == "ok", "test_accuracy"].dropna()
    if values.empty:
        return None
    bulk = values[~_outlying(values)]
    room = max(0.06 * (bulk.max() - bulk.min()), 0.1)
    return [round(bulk.min() - room, 3), round(min(bulk.max() + room, 100.2), 3)]


def outliers(rows: pd.DataFrame) -> int:
    """How many runs the plot leaves out at first."""
    return int(_outlying(100 * rows.loc[rows["status"] == "ok", "test_accuracy"].dropna()).sum())


def _outlying(values: pd.Series) -> pd.Series:
    if values.empty:
        return values.astype(bool)
    low, high = fences(values, least=0.5)
    return (values < low) | (values > high)
