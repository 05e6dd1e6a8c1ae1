"""One table in four formats: the same text in each, numbers where siunitx can align them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from benchmarks.report.tables.registry import TABLES
from benchmarks.report.text import latex, sheets
from benchmarks.report.text.sheets import Sheet, Tables

CELLS = pd.DataFrame(
    {
        "Method": ["a_b", "c"],
        "Accuracy, %": ["82.00 ± 22.36", "9.50"],
        "To dense": ["+2.00 [-0.48, +4.48]", "reference"],
    }
)
DOCUMENT = r"""\documentclass{article}
\usepackage[T1]{fontenc}
\usepackage[a4paper,landscape,margin=1cm]{geometry}
\usepackage{booktabs,longtable,makecell,siunitx}
\begin{document}
%s
\end{document}
"""


def test_latex_splits_intervals_into_columns_of_their_own():
    form, heads, body = latex.tabular(CELLS, names=1)
    assert form == "lS[table-format=2.2]S[table-format=2.2]S[table-format=+1.2]r"
    assert [re.sub(r"\{?\\makecell\[b\]\{|\}", "", head) for head in heads] == [
        "Method", r"Accuracy, \%", r"$\pm$", "To dense", r"95 \%\\interval",
    ]  # fmt: skip
    assert body[0] == [r"a\_b", "82.00", "22.36", "+2.00", "$[-0.48, +4.48]$"]
    assert body[1] == ["c", "9.50", "{}", "{reference}", "{}"]


def test_latex_marks_are_written_as_commands_and_on_one_line():
    assert latex.escape("1\n\n– 2 × 3 ± 4 −5") == r"1 -- 2 $\times$ 3 $\pm$ 4 $-$5"


def test_no_cell_is_an_argument_of_the_line_break_before_it():
    """LaTeX reads on: `\\\\` in front of a line takes a star or a length in brackets."""
    cells = pd.DataFrame({"Method": ["[3cm]x", "*[y"], "of a target [3cm]": ["1", "2"]})
    _, heads, body = latex.tabular(cells, names=1)
    assert [line[0] for line in body] == ["{[}3cm]x", "{*}[y"]
    assert heads[1] == r"{\makecell[b]{of a target\\{[}3cm]}}"


def test_every_format_holds_title_cells_and_caption():
    tables = Tables(CELLS, [Sheet("Title & Co", CELLS, "What it says, 5 %.", names=1)])
    assert "### Title \\& Co" in sheets.markdown(tables)
    assert "82.00 ± 22.36" in sheets.markdown(tables)
    assert "<caption><strong>Title &amp; Co.</strong> What it says, 5 %.</caption>" in sheets.html(tables)
    floating = latex.table("Title & Co", CELLS, "What it says, 5 %.", names=1, label="a")
    assert all(r"\caption{Title \& Co. What it says, 5 \%.}" in text for text in (sheets.tex(tables), floating))
    assert pd.read_csv(pd.io.common.StringIO(sheets.csv(tables)))["Method"].tolist() == ["a_b", "c"]


def test_a_table_without_lines_says_why():
    tables = Tables(CELLS.head(0), [], absent="No <run> at 50 %.")
    assert sheets.markdown(tables) == "No \\<run\\> at 50 %.\n"
    assert sheets.html(tables) == "<p>No &lt;run&gt; at 50 %.</p>\n"
    assert sheets.tex(tables) == "No \\textless{}run\\textgreater{} at 50 \\%.\n"


@pytest.mark.parametrize("name", TABLES)
def test_every_table_of_every_study_can_be_written(name, study, row):
    nothing = pd.DataFrame([row(status="diverged", test_accuracy=float("nan"), widths="")])
    for rows in (study, study[study["seed"] == 0], nothing, pd.DataFrame([row(method="$a_b$ <&>", knobs="{}")])):
        tables = TABLES[name](rows)
        for write in sheets.WRITERS.values():
            assert not re.search(r"(?<! is )\bnan\b", write(tables))
        assert tables.sheets or tables.absent


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs TeX")
def test_latex_can_be_typeset_within_its_page(study, row, tmp_path: Path):
    names = ('a_b&c%d$e#f{g}h~i^j\\k<l>m|n"ü', "[3cm]", "*[y")
    hard = pd.DataFrame([row(method=name, status="diverged", reason="50 % & more") for name in names])
    body = "\n".join(sheets.tex(TABLES[name](rows)) for rows in (study, hard) for name in TABLES)
    (tmp_path / "tables.tex").write_text(DOCUMENT % body, encoding="utf-8")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "tables.tex"], cwd=tmp_path, capture_output=True
    )
    log = (tmp_path / "tables.log").read_text(encoding="utf-8", errors="replace")
    assert done.returncode == 0, log[-2000:]
    wide = [float(points) for points in re.findall(r"Overfull \\hbox \(([\d.]+)pt", log)]
    assert max(wide, default=0) < 10
