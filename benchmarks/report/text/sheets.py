"""A table of any kind as CSV, Markdown, LaTeX (booktabs, siunitx) and HTML, with the same text in each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape as escape_html

import pandas as pd

from benchmarks.report.text import latex
from benchmarks.report.text.words import one_line


@dataclass(frozen=True)
class Sheet:
    """One table. cells: text under headings, `names` leading columns of which hold names and the others numbers."""

    title: str
    cells: pd.DataFrame
    caption: str
    names: int = 2


@dataclass(frozen=True)
class Tables:
    """What one file holds. data: all digits, for CSV; sheets: rounded, for reading; absent: said if there is none."""

    data: pd.DataFrame
    sheets: Sequence[Sheet]
    absent: str = ""


def csv(tables: Tables) -> str:
    """The data with all columns and digits."""
    return tables.data.to_csv(index=False, lineterminator="\n")


def markdown(tables: Tables) -> str:
    """A heading, a table and a caption per sheet; all text is escaped."""
    parts = []
    for sheet in tables.sheets:
        align = ["left"] * sheet.names + ["right"] * (len(sheet.cells.columns) - sheet.names)
        body = sheet.cells.map(_cell).to_markdown(index=False, disable_numparse=True, colalign=align)
        parts.append(f"### {escape_markdown(sheet.title)}\n\n{body}\n\n{escape_markdown(sheet.caption)}\n")
    return "\n".join(parts) or f"{escape_markdown(tables.absent)}\n"


def html(tables: Tables) -> str:
    """A fragment: one <table> with a <caption> per sheet; all text is escaped."""
    parts = []
    for sheet in tables.sheets:
        heading = f"<caption><strong>{escape_html(sheet.title)}.</strong> {escape_html(sheet.caption)}</caption>"
        body = sheet.cells.to_html(index=False, border=0, classes="summary", justify="left", escape=True)
        body = body.replace("<thead>", f"{heading}\n<thead>", 1)
        parts.append("".join(f"{line.strip()}\n" for line in body.splitlines()))
    return "".join(parts) or f"<p>{escape_html(tables.absent)}</p>\n"


def tex(tables: Tables) -> str:
    r"""A longtable per sheet. Needs \usepackage{booktabs,longtable,makecell,siunitx}."""
    parts = [latex.longtable(sheet.title, sheet.cells, sheet.caption, sheet.names) for sheet in tables.sheets]
    return "\n".join(parts) or f"{latex.escape(tables.absent)}\n"


WRITERS = {".csv": csv, ".md": markdown, ".tex": tex, ".html": html}
"""What writes a file of this suffix."""


def escape_markdown(text: str) -> str:
    """The text on one line, with the characters that Markdown would read as markup escaped by a backslash."""
    # Behind a letter an underscore begins no emphasis, so that soft_filter stays readable in the source.
    return re.sub(r"[\\`*\[\]<>|&~$#]|(?<![^\W_])_", r"\\\g<0>", one_line(text))


def _cell(text: str) -> str:
    # Numbers and their intervals are no markup, and stay readable in the source.
    return text if re.fullmatch(r"[-+±–<\d., \[\]]*", text) else escape_markdown(text)
