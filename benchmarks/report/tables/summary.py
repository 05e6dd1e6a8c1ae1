"""Table: the summary of a study, a sheet per task, and the same on the terminal."""

from __future__ import annotations

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape as escape_rich
from rich.table import Table

from benchmarks.report.stats.summary import summary
from benchmarks.report.text import sheets
from benchmarks.report.text.sheets import Sheet, Tables
from benchmarks.report.text.words import caption, display, tasks


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
