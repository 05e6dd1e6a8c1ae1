"""Tables: the summary of a study, a sheet per task, also on the terminal; and the runs without a score, with why."""

from __future__ import annotations

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape as escape_rich
from rich.table import Table

from benchmarks.report.stats.summary import FAILURES, summary
from benchmarks.report.text import sheets
from benchmarks.report.text.sheets import Sheet, Tables
from benchmarks.report.text.words import caption, display, one_line, tasks


def summarised(table: pd.DataFrame) -> Tables:
    """A summary, with a sheet per task."""
    return Tables(table, [Sheet(title, display(part), caption(part)) for title, part in tasks(table)])


def html(table: pd.DataFrame) -> str:
    """A summary as an HTML fragment."""
    return sheets.html(summarised(table))


def print_summary(rows: pd.DataFrame, console: Console | None = None) -> None:
    """Print the summary of the rows on the terminal, within 80 columns: a section per target, failures below."""
    console = console or Console()
    for title, part in tasks(summary(rows)):
        cells = display(part).drop(columns=["Target", "Failed"])
        cells.columns = pd.Index(
            ["Method", "n", "Accuracy, %", "To dense, points", "MACs,\n%", "Params,\n%", "Cost,\n×"]
        )
        grid = Table(title=escape_rich(title), title_justify="left", title_style="bold", box=SIMPLE_HEAD, padding=0)
        wide = max(map(len, [*part["method"], *part["target"]]))
        grid.add_column("Method", overflow="fold", min_width=min(wide, 16))
        for name in cells.columns[1:]:
            grid.add_column(name, justify="right", no_wrap=True, min_width=int(cells[name].str.len().max()))
        for target, numbers in part.reset_index().groupby("target", sort=False).groups.items():
            grid.add_row(f"[dim]{escape_rich(str(target))}[/dim]")
            for line in cells.iloc[numbers].itertuples(index=False):
                grid.add_row(*map(escape_rich, line))
        console.print(grid, escape_rich(caption(part)), "", sep="\n")


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
