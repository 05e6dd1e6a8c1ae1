"""Numbers rounded for reading, and sentences that captions share."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pandas as pd

from benchmarks.report.stats import names
from benchmarks.report.stats.names import BASELINE
from benchmarks.report.stats.summary import FAILURES, TASK, on_common_tasks

NONE = "–"
"""A number that does not exist."""

MOST = 12
"""Names that a caption has room for."""


def tasks(table: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """A title and the lines of each task, in the order of the table."""
    for (dataset, network), part in table.groupby(TASK, sort=False):
        yield one_line(f"{dataset}, {network}"), part


def display(table: pd.DataFrame) -> pd.DataFrame:
    """The summary as text: accuracy and fractions in percent, differences in percentage points."""
    cells = [
        {
            "Method": one_line(line.method),
            "Target": one_line(line.target),
            "n": str(line.n),
            "Accuracy, %": _accuracy(line),
            "Difference to dense, points": _difference(line),
            "MACs kept, %": number(100 * line.macs_kept, ".1f"),
            "Params kept, %": number(100 * line.params_kept, ".1f"),
            "Training cost, × dense": number(line.cost, ".2f"),
            "Failed": failures(line),
        }
        for line in lines(table)
    ]
    return pd.DataFrame(cells)


def caption(table: pd.DataFrame) -> str:
    """What the numbers of these lines are, over how many seeds, and what failed."""
    seeds = int(table["seeds"].max())
    fewer = [one_line(f"{x.method} ({x.target}): {x.pairs}") for x in lines(table) if x.pairs < x.n]
    sentences = [
        f"Test accuracy: mean over n of {seeds} seed{'s' * (seeds != 1)}, ± half-width of its 95 % t-interval.",
        "Difference: to the dense network, paired by seed, with its 95 % t-interval.",
        "MACs, parameters and training cost (training MACs): mean, relative to the dense network.",
        "Each interval holds by itself: no correction for many comparisons.",
        failed(table),
    ]
    if fewer:
        sentences.append(f"Fewer pairs than n: {'; '.join(fewer)}.")
    if (table["n"] == 1).any():
        sentences.append("Where n=1, no interval.")
    return " ".join(sentences)


def scored_seeds(table: pd.DataFrame) -> str:
    """How many seeds the means rest on, for a caption: "n=2 to 3 seeds"."""
    least, most = int(table["n"].min()), int(table["n"].max())
    if most == 1:
        return "one seed (n=1, no interval)"
    return f"n={most} seeds" if least == most else f"n={least} to {most} seeds"


def single(table: pd.DataFrame) -> str:
    """A sentence on marks that stand for one run, with a trailing space; empty if there are none."""
    return "Small marks: n=1, no interval. " if (table["n"] == 1).any() else ""


def background(table: pd.DataFrame) -> str:
    """A sentence on the grey dots of a figure, with a trailing space; empty if there are none."""
    count = len(names.background(table["method"]))
    return f"Grey dots: the {count} other methods, whose intervals are in the tables. " if count else ""


def failed(table: pd.DataFrame) -> str:
    """A sentence that names every method without a score for each seed, and why."""
    several = len(table[TASK].drop_duplicates()) > 1
    names = [
        one_line(f"{x.method} ({x.target}{f', {x.dataset}, {x.network}' if several else ''}): {failures(x)}")
        for x in lines(table)
        if x.n < x.seeds
    ]
    more = f"; and {len(names) - MOST} more, in the table of failures" if len(names) > MOST else ""
    return f"Without a score: {'; '.join(names[:MOST])}{more}." if names else "No run failed."


def shared(rows: pd.DataFrame) -> str:
    """A sentence that names what `on_common_tasks` leaves out, with a trailing space; empty if it keeps all rows."""
    lost = rows.drop(on_common_tasks(rows).index).drop_duplicates(["target", *TASK])
    names = "; ".join(one_line(f"{x.target}: {x.dataset}, {x.network}") for x in lines(lost))
    return f"So that means compare, without tasks on which not all of these methods ran ({names}). " if names else ""


def left_out(names: list[str]) -> str:
    """A sentence on the methods or tasks that `complete` leaves out; empty if none."""
    return f"Left out, as runs are missing: {one_line(', '.join(names))}." if names else ""


def failures(line: Any) -> str:
    """Why seeds have no score, such as "1 diverged, 2 missing"; a dash if all have one."""
    counts = [(getattr(line, name), name.replace("_", " ")) for name in FAILURES]
    return ", ".join(f"{count} {name}" for count, name in counts if count) or NONE


def lines(table: pd.DataFrame) -> Iterator[Any]:
    """The lines of a summary, each with its columns as attributes."""
    return iter(table.itertuples())


def number(value: float, form: str) -> str:
    """The number in this format; a dash for NaN."""
    return NONE if math.isnan(value) else format(value, form)


def one_line(name: str) -> str:
    """The name without line breaks and tabs, which would tear a table."""
    return " ".join(name.split())


def between(mean: float, half: float, alone: bool = False) -> str:
    """A fraction and its interval in percentage points: "+1.00 [-0.50, +2.50]"; no interval where half is NaN.

    alone: the interval without the mean.
    """
    if math.isnan(half):
        return NONE if alone else number(100 * mean, "+z.2f")
    interval = f"[{100 * (mean - half):+z.2f}, {100 * (mean + half):+z.2f}]"
    return interval if alone else f"{100 * mean:+z.2f} {interval}"


def p_value(p: float) -> str:
    """Three digits; below 0.001, that bound."""
    return "<0.001" if p < 0.001 else number(p, ".3f")


def _accuracy(line: Any) -> str:
    if math.isnan(line.accuracy_half):
        return number(100 * line.accuracy, ".2f")
    return f"{100 * line.accuracy:.2f} ± {100 * line.accuracy_half:.2f}"


def _difference(line: Any) -> str:
    return "reference" if line.method == BASELINE else between(line.difference, line.difference_half)
