"""Own rows against the published rows of the same study: which cells agree, and which rows are bit-identical."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from scipy import stats

from benchmarks.report.stats.comparisons import holm
from benchmarks.report.stats.summary import CELL, LEVEL, TASK, half_width
from benchmarks.report.text.sheets import Sheet, Tables
from benchmarks.report.text.words import lines, number
from benchmarks.schemas.rows import TIME_COLUMNS

MARGIN = 0.5
"""Difference of mean test accuracy that still counts as the same, percentage points."""
ALPHA = 1 - LEVEL
HASHES = ["code_hash", "config_hash"]
LASTING = ("status", "test_accuracy", "test_loss", "validation_accuracy", "params", "macs", "train_macs", "widths")
"""What two runs of one code and config share to the bit on one machine."""
assert not set(LASTING) & set(TIME_COLUMNS)
VERDICTS = {
    "identical": "every shared row is the same to the bit",
    "agrees": f"within {MARGIN} points: two one-sided t-tests (TOST) at 5 %",
    "differs": "paired t-test at 5 % after Holm's correction over all cells, and not within the margin",
    "undecided": "neither is shown: too few seeds, or too wide a spread",
    "not comparable": "no seed has a score on both sides",
}


def compare(own: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """One line per cell of either side: means and differences in percentage points of test accuracy, own - published.

    n, n_published: scored seeds; pairs: seeds scored on both sides, over which difference, its 95 % t-interval (low,
    high), p (paired t-test), p_holm and p_tost (equivalence within MARGIN) are taken. inside: whether the published
    mean lies in the 95 % t-interval of the own mean. rows: seeds with a row on both sides; same_hashes: those of them
    with the same code and config hash; identical: those with the same results to the bit. verdict: see VERDICTS.
    """
    key = [*CELL, "seed"]
    rows = own.merge(published, on=key, how="outer", suffixes=("", "_published"), indicator="side", validate="1:1")
    rows["a"] = 100 * rows["test_accuracy"].where(rows["status"] == "ok")
    rows["b"] = 100 * rows["test_accuracy_published"].where(rows["status_published"] == "ok")
    both = rows["side"] == "both"
    rows["same_hashes"] = both & _equal(rows, HASHES)
    rows["identical"] = both & _equal(rows, LASTING)
    cells = [dict(zip(CELL, cell, strict=True)) | _cell(part) for cell, part in rows.groupby(CELL, sort=False)]
    table = pd.DataFrame(cells)
    table["p_holm"] = holm(table["p"].to_numpy())
    table["verdict"] = [_verdict(line) for line in lines(table)]
    return table.sort_values([*TASK, "target", "method"], ignore_index=True)


def _equal(rows: pd.DataFrame, columns: Any) -> pd.Series:
    pairs = [(rows[name], rows[f"{name}_published"]) for name in columns]
    return pd.concat([(a == b) | (a.isna() & b.isna()) for a, b in pairs], axis=1).all(axis=1)


def _cell(part: pd.DataFrame) -> dict[str, Any]:
    a, b = part["a"].dropna(), part["b"].dropna()
    half = float(half_width(pd.Series([a.sem()]), pd.Series([len(a)]))[0])
    mean, published = a.mean(), b.mean()
    return {
        "n": len(a), "n_published": len(b), "mean": mean, "half": half, "published": published,
        "inside": bool(abs(published - mean) <= half) if len(a) > 1 and len(b) else None,
        **_paired((part["a"] - part["b"]).dropna().round(9).to_numpy()),
        "rows": int((part["side"] == "both").sum()),
        "same_hashes": int(part["same_hashes"].sum()), "identical": int(part["identical"].sum()),
    }  # fmt: skip


def _paired(differences: np.ndarray) -> dict[str, Any]:
    """The mean difference with its interval, and the p-values of "there is none" and of "it is beyond the margin"."""
    n = len(differences)
    mean = float(differences.mean()) if n else math.nan
    found = {"pairs": n, "difference": mean, "low": math.nan, "high": math.nan, "p": math.nan, "p_tost": math.nan}
    if n < 2:
        return found
    if np.ptp(differences) == 0:  # no spread: a t-statistic would divide by zero
        return found | {"low": mean, "high": mean}
    test = stats.ttest_1samp(differences, 0)
    low, high = test.confidence_interval(LEVEL)
    above = stats.ttest_1samp(differences, -MARGIN, alternative="greater").pvalue
    below = stats.ttest_1samp(differences, MARGIN, alternative="less").pvalue
    return found | {"low": low, "high": high, "p": test.pvalue, "p_tost": max(above, below)}


def _verdict(line: Any) -> str:
    if line.rows and line.identical == line.rows:
        return "identical"
    if not line.pairs:
        return "not comparable"
    if line.pairs > 1 and line.low == line.high:  # every seed moved by the same amount
        return "agrees" if abs(line.difference) <= MARGIN else "differs"
    if line.p_tost < ALPHA:
        return "agrees"
    return "differs" if line.p_holm < ALPHA else "undecided"


def conclusion(table: pd.DataFrame) -> str:
    """The answer in a sentence, and a warning where equal hashes gave unequal results."""
    counts = table["verdict"].value_counts()
    same, agree = counts.get("identical", 0), counts.get("agrees", 0)
    rest = [f"{counts[name]} {name}" for name in ("differs", "undecided", "not comparable") if name in counts]
    moved = int((table["same_hashes"] - table["identical"]).clip(lower=0).sum())
    warning = f" At least {moved} rows of the same code and config differ: another machine, or thread count."
    return (
        f"reproduced: {same + agree} of {len(table)} cells agree within {MARGIN} points of test accuracy"
        f" ({same} of them to the bit{'; ' if rest else ''}{', '.join(rest)}).{warning if moved else ''}"
    )


def display(table: pd.DataFrame) -> pd.DataFrame:
    """The lines as text."""
    return pd.DataFrame(
        [
            {
                "Cell": f"{x.dataset}, {x.network}: {x.method} ({x.target})",
                "Own, %": number(x.mean, ".2f") + (f" ± {x.half:.2f}" if not math.isnan(x.half) else ""),
                "Published, %": number(x.published, ".2f"),
                "In own interval": {True: "yes", False: "no"}.get(x.inside, "–"),
                "Difference, points": number(x.difference, "+.2f")
                + (f" [{x.low:+.2f}, {x.high:+.2f}]" if not math.isnan(x.low) else ""),
                "Pairs": str(x.pairs),
                "TOST p": number(x.p_tost, ".3f"),
                "Same to the bit": f"{x.identical} of {x.rows}",
                "Verdict": x.verdict,
            }
            for x in lines(table)
        ]
    )


def tables(table: pd.DataFrame) -> Tables:
    """The comparison as one table for people; its caption ends with the conclusion."""
    cells = display(table)
    sheet = Sheet("Own rows against published rows", cells, " ".join(notes(table)), names=1)
    return Tables(table, [sheet])


def show(table: pd.DataFrame, console: Console | None = None) -> None:
    """Print the comparison on the terminal, within 80 columns where names are short: what decides, then the answer."""
    console = console or Console()
    for (dataset, network), part in table.groupby(TASK, sort=False):
        title = escape(f"{dataset}, {network}")
        grid = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
        cells = display(part)[["Own, %", "Published, %", "Difference, points", "Same to the bit", "Verdict"]]
        wide = max(map(len, [*part["method"], *part["target"]]))
        grid.add_column("Method", overflow="fold", min_width=min(wide, 16))
        for heading in ("Own, %", "Publ.,\n%", "Difference,\npoints", "Same\nbits", "Verdict"):
            grid.add_column(heading, justify="right", no_wrap=True)
        for target, numbers in part.reset_index().groupby("target", sort=False).groups.items():
            grid.add_row(f"[dim]{escape(str(target))}[/dim]")
            for i in numbers:
                grid.add_row(escape(part["method"].iloc[i]), *map(escape, cells.iloc[i]))
        console.print(grid)
    console.print(*map(escape, notes(table)), sep="\n")


def notes(table: pd.DataFrame) -> list[str]:
    """What the verdicts mean, and the conclusion."""
    meanings = [f"{name}: {meaning}" for name, meaning in VERDICTS.items() if name in set(table["verdict"])]
    return [f"{'; '.join(meanings)}.", conclusion(table)]
