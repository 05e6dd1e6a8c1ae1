"""Text cells as LaTeX: booktabs rules, numbers aligned by siunitx, tables that may break over pages."""

from __future__ import annotations

import re
import textwrap

import pandas as pd

from benchmarks.report.text.words import one_line

SPECIAL = str.maketrans(
    {special: f"\\{special}" for special in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}"}
    | {">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\symbol{34}", "–": "--", "×": r"$\times$", "±": r"$\pm$"}
    | {"−": r"$-$"}
)
NUMBER = r"[+-]?\d+(?:\.\d+)?"
HEAD = 11
"""Characters in a line of a heading, which is broken so that it is no wider than its numbers."""


def escape(text: str) -> str:
    """The text with LaTeX's special characters made harmless."""
    return one_line(text).translate(SPECIAL)


def longtable(title: str, cells: pd.DataFrame, caption: str, names: int) -> str:
    """A longtable with the caption above. Accuracies with their ± and differences with their interval are split."""
    form, heads, body = tabular(cells, names)
    rows = "".join(f"{' & '.join(line)} \\\\\n" for line in body)
    head = f"\\toprule\n{' & '.join(heads)} \\\\\n\\midrule\n"
    return (
        f"{{\\footnotesize\\setlength\\tabcolsep{{3pt}}\n\\begin{{longtable}}{{{form}}}\n"
        f"\\caption{{{escape(f'{title}. {caption}')}}}\\\\\n{head}\\endfirsthead\n{head}\\endhead\n"
        f"\\bottomrule\n\\endlastfoot\n{rows}\\end{{longtable}}}}\n"
    )


def table(title: str, cells: pd.DataFrame, caption: str, names: int, label: str) -> str:
    """The same as a float that is no wider than the text."""
    form, heads, body = tabular(cells, names)
    rows = "".join(f"{' & '.join(line)} \\\\\n" for line in body)
    return (
        f"\\begin{{table}}[!htbp]\\centering\\footnotesize\\setlength\\tabcolsep{{4pt}}\n"
        f"\\caption{{{escape(f'{title}. {caption}')}}}\\label{{tab:{label}}}\n"
        "\\begin{adjustbox}{max width=\\linewidth}\n"
        f"\\begin{{tabular}}{{{form}}}\n\\toprule\n{' & '.join(heads)} \\\\\n\\midrule\n{rows}\\bottomrule\n"
        "\\end{tabular}\n\\end{adjustbox}\n\\end{table}\n"
    )


def tabular(cells: pd.DataFrame, names: int) -> tuple[str, list[str], list[list[str]]]:
    """Column format, headings and body of a table of text."""
    columns = {str(name): cells[name] for name in cells.columns[:names]}
    forms = ["l"] * names
    heads = [_head(name) for name in columns]
    for name in cells.columns[names:]:
        for heading, column in _split(str(name), cells[name]).items():
            forms.append(_form(column))
            heads.append(_head(heading))
            columns[f"{name} {heading}"] = column.map(_cell)
    for name in cells.columns[:names]:
        columns[str(name)] = columns[str(name)].map(_line)
    return "".join(forms), heads, pd.DataFrame(columns).to_numpy().tolist()


def _split(name: str, column: pd.Series) -> dict[str, pd.Series]:
    """ "82.00 ± 22.36" and "+2.00 [-0.48, +4.48]" are two columns each."""
    parts = column.str.extract(rf"^(.*?)(?: ± ({NUMBER}))?(?: (\[.*\]))?$").fillna("")
    named = zip((name, "±", "95 % interval"), parts, strict=True)
    return {heading: parts[i] for heading, i in named if heading == name or parts[i].any()}


def _form(column: pd.Series) -> str:
    """siunitx's format for the widest of the numbers; plain if there are none."""
    numbers = column[column.str.fullmatch(NUMBER)]
    if numbers.empty:
        return "l" if column.str.contains("[A-Za-z]").any() else "r"
    whole = numbers.str.extract(r"([+-]?)(\d+)\.?(\d*)")
    sign = "+" if whole[0].any() else ""
    return f"S[table-format={sign}{whole[1].str.len().max()}.{whole[2].str.len().max()}]"


def _cell(text: str) -> str:
    if re.fullmatch(NUMBER, text):
        return text
    # Braces keep siunitx from reading a word or a dash as a number.
    return f"${text}$" if re.fullmatch(rf"\[{NUMBER}, {NUMBER}\]", text) else f"{{{escape(text)}}}"


def _head(name: str) -> str:
    lines = r"\\".join(_line(line) for line in textwrap.wrap(name, HEAD, break_long_words=False))
    return f"{{\\makecell[b]{{{lines}}}}}"


def _line(text: str) -> str:
    r"""Escaped, for the beginning of a line: the \\ before it would take a star or a bracket for its own."""
    return re.sub(r"^[*\[]", r"{\g<0>}", escape(text))
