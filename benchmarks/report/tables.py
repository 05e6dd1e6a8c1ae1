"""The summary as tables for people: terminal, CSV, Markdown, LaTeX and HTML, grouped by dataset and network."""

from __future__ import annotations

import re
from html import escape as escape_html

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape as escape_rich
from rich.table import Table

from benchmarks.report.display import blocks, caption, display
from benchmarks.report.latex import latex
from benchmarks.report.statistics import summary

__all__ = ["csv", "html", "latex", "markdown", "print_summary"]

NAMES = 2
"""The leading columns that hold names; all others hold numbers."""


def csv(table: pd.DataFrame) -> str:
    """The summary with all its columns and digits."""
    return table.to_csv(index=False, lineterminator="\n")


def markdown(table: pd.DataFrame) -> str:
    """A heading, a table and a caption per dataset and network; names are escaped."""
    parts = []
    for title, part in blocks(table):
        cells = display(part)
        names = list(cells.columns[:NAMES])
        cells[names] = cells[names].map(escape_markdown)
        align = ["left"] * NAMES + ["right"] * (len(cells.columns) - NAMES)
        body = cells.to_markdown(index=False, disable_numparse=True, colalign=align)
        parts.append(f"### {escape_markdown(title)}\n\n{body}\n\n{escape_markdown(caption(part))}\n")
    return "\n".join(parts)


def html(table: pd.DataFrame) -> str:
    """A fragment: one <table> with a <caption> per dataset and network; all text is escaped."""
    parts = []
    for title, part in blocks(table):
        heading = f"<caption><strong>{escape_html(title)}.</strong> {escape_html(caption(part))}</caption>"
        body = display(part).to_html(index=False, border=0, classes="summary", justify="left", escape=True)
        parts.append(body.replace("<thead>", f"{heading}\n  <thead>", 1) + "\n")
    return "".join(parts)


def print_summary(rows: pd.DataFrame, console: Console | None = None) -> None:
    """Print the summary of the rows on the terminal, within 80 columns: a section per target, failures below."""
    console = console or Console()
    for title, part in blocks(summary(rows)):
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


def escape_markdown(text: str) -> str:
    """The text with the characters that Markdown would read as markup escaped by a backslash."""
    # An underscore inside a word is no emphasis, so that soft_filter stays readable in the source.
    return re.sub(r"[\\`*\[\]<>|&~$#]|(?<!\w)_|_(?!\w)", r"\\\g<0>", text)
