"""The summary as LaTeX: booktabs rules, columns aligned by siunitx."""

from __future__ import annotations

import pandas as pd

from benchmarks.report.display import NONE, blocks, caption, failures, interval, lines, number, one_line
from benchmarks.report.statistics import BASELINE

SPECIAL = str.maketrans(
    {special: f"\\{special}" for special in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}"}
    | {">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\symbol{34}", "–": "--", "×": r"$\times$", "±": r"$\pm$"}
)
COLUMNS = {
    "Method": "l",
    "Target": "l",
    "{$n$}": "S[table-format=2.0]",
    r"{Acc., \%}": "S[table-format=3.2]",
    r"{$\pm$}": "S[table-format=2.2]",
    "{Diff., points}": "S[table-format=+3.2]",
    r"{95\,\% interval}": "r",
    r"{MACs, \%}": "S[table-format=3.1]",
    r"{Params, \%}": "S[table-format=3.1]",
    r"{Cost, $\times$}": "S[table-format=2.2]",
    "Failed": "l",
}


def latex(table: pd.DataFrame) -> str:
    r"""One tabular in a table environment with a caption per dataset and network; names are escaped.

    The document needs \usepackage{booktabs,siunitx}.
    """
    parts = []
    for title, part in blocks(table):
        cells = pd.DataFrame(_cells(part), columns=list(COLUMNS))
        body = cells.to_latex(index=False, escape=False, column_format="".join(COLUMNS.values()))
        text = escape(f"{title}. {caption(part)}")
        parts.append(f"\\begin{{table}}\n\\centering\n\\small\n{body}\\caption{{{text}}}\n\\end{{table}}\n")
    return "\n".join(parts)


def escape(text: str) -> str:
    """The text with LaTeX's special characters made harmless."""
    return one_line(text).translate(SPECIAL)


def _cells(table: pd.DataFrame) -> list[list[str]]:
    return [
        [
            escape(line.method),
            escape(line.target),
            str(line.n),
            _number(100 * line.accuracy, ".2f"),
            _number(100 * line.accuracy_half, ".2f"),
            "{reference}" if line.method == BASELINE else _number(100 * line.difference, "+.2f"),
            f"${interval(line)}$" if interval(line) else "",
            _number(100 * line.macs_kept, ".1f"),
            _number(100 * line.params_kept, ".1f"),
            _number(line.cost, ".2f"),
            escape(failures(line)),
        ]
        for line in lines(table)
    ]


def _number(value: float, form: str) -> str:
    # Braces keep siunitx from reading the dash as a number.
    return number(value, form).replace(NONE, "{--}")
