"""Table: runs without a score, and why."""

from __future__ import annotations

import pandas as pd

from benchmarks.report.stats.summary import FAILURES, summary
from benchmarks.report.text.sheets import Sheet, Tables
from benchmarks.report.text.words import one_line


def failures(rows: pd.DataFrame) -> Tables:
    """Runs, those with a score, and those without by reason: a line per method and target, over all tasks."""
    table = summary(rows)
    counts = table.groupby(["method", "target"])[["seeds", "n", *FAILURES]].sum()
    counts = counts.rename(columns={"seeds": "planned", "n": "scored"}).reset_index()
    reasons = rows[rows["status"] != "ok"].groupby(["method", "target"])["reason"].agg(_commonest).rename("reason")
    counts = counts.join(reasons, on=["method", "target"]).fillna({"reason": ""})
    failed = counts[counts["scored"] < counts["planned"]]
    whole = f"{counts['scored'].sum()} of {counts['planned'].sum()} runs have a score."
    caption = (
        f"{whole} Methods with a score for every run are left out. Planned: seeds times tasks (dataset × network) of "
        "the study. Diverged: the loss became non-finite. Collapsed: one class for every image. Unsupported: the "
        "method cannot take this network or target. Out of memory: it needed more than there was. Missing: no row. "
        "Reason: the most frequent."
    )
    sheets = [Sheet("Runs without a score", _cells(failed), caption)] if len(failed) else []
    return Tables(counts, sheets, absent=f"No run failed: {whole}")


def _commonest(reasons: pd.Series) -> str:
    # Numbers tell runs apart, not reasons.
    given = reasons[reasons != ""]
    if given.empty:
        return ""
    alike = given.groupby(given.str.replace(r"\d[\d.e+-]*", "", regex=True))
    return str(given.loc[alike.groups[alike.size().idxmax()][0]])


def _cells(failed: pd.DataFrame) -> pd.DataFrame:
    cells = failed.drop(columns="reason").map(str)
    cells[["method", "target"]] = cells[["method", "target"]].map(one_line)
    cells = cells.rename(columns=lambda name: str(name).replace("_", " ").capitalize())
    return cells.assign(Reason=[one_line(reason) or "–" for reason in failed["reason"]])
