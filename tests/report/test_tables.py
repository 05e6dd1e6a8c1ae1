"""Tables say what the summary says, in every format, whatever the names."""

from __future__ import annotations

import io
import math
from html.parser import HTMLParser

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.console import Console

from benchmarks.report.stats.summary import summary
from benchmarks.report.tables import summary as tables
from benchmarks.report.text import sheets
from benchmarks.report.text.sheets import Sheet, Tables
from benchmarks.report.text.words import display, one_line

MARKDOWN = MarkdownIt().enable(["table", "strikethrough"])
HARD = 'l<1>_"ü"&%$x$#{y}^~|*b*`c`[d](e)\\'


class Cells(HTMLParser):
    """The text of every cell and caption."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.feed(text)
        self.texts = [text.strip() for text in self.texts]

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag in ("td", "th", "caption", "p", "h3"):
            self.texts.append("")

    def handle_data(self, data: str) -> None:
        if self.texts:
            self.texts[-1] += data


def rendered(markdown: str) -> list[str]:
    return Cells(MARKDOWN.render(markdown)).texts


@pytest.fixture
def table(row, dense) -> pd.DataFrame:
    """Dense 0.90, 0.80, 0.70 and l1 0.91, 0.82, 0.73 with half of the MACs; l1's fourth seed diverged."""
    rows = [dense(seed=i, test_accuracy=a) for i, a in enumerate([0.90, 0.80, 0.70])]
    rows += [row(seed=i, test_accuracy=a) for i, a in enumerate([0.91, 0.82, 0.73])]
    rows.append(row(seed=3, status="diverged", test_accuracy=math.nan))
    return summary(pd.DataFrame(rows))


def test_markdown_shows_rounded_numbers_with_their_intervals(table):
    lines = sheets.markdown(tables.summarised(table)).splitlines()
    (line,) = (line for line in lines if line.startswith("| l1"))
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    # 0.09 and 0.01 times 2.484138, in percent, as in test_statistics.
    assert cells == [
        *("l1", "macs=0.5", "3", "82.00 ± 22.36", "+2.00 [-0.48, +4.48]"),
        *("50.0", "50.0", "0.75", "1 diverged"),
    ]


def test_the_caption_says_n_intervals_and_failures(table):
    text = sheets.markdown(tables.summarised(table))
    assert "of 4 seeds" in text
    assert "95 % t-interval" in text
    assert "l1 (macs=0.5): 1 diverged" in text
    assert "dense (free): 1 missing" in text
    assert "n=1" not in text


def test_one_seed_says_that_there_is_no_interval(row, dense):
    table = summary(pd.DataFrame([dense(), row()]))
    for text in (sheets.markdown(tables.summarised(table)), tables.html(table), sheets.tex(tables.summarised(table))):
        assert "n=1, no interval" in text
        assert "nan" not in text.lower()
    assert "90.00 |" in sheets.markdown(tables.summarised(table))


def test_csv_keeps_all_digits(table):
    read = pd.read_csv(io.StringIO(sheets.csv(tables.summarised(table))), float_precision="round_trip")
    pd.testing.assert_frame_equal(read, table, check_dtype=False, check_exact=True)


def test_hard_names_survive_markdown(row):
    table = summary(pd.DataFrame([row(method=HARD, dataset=HARD)]))
    texts = rendered(sheets.markdown(tables.summarised(table)))
    assert HARD in texts
    assert f"{HARD}, lenet5" in texts


@example(name="__init__ _a_ ~~b~~ &amp; #")
@example(name="two\n\n# lines")
@given(name=st.text("ab1 _*~`#|<>[]()&;!\\\n+-", min_size=1, max_size=9).filter(str.strip))
def test_any_text_survives_markdown(name):
    """In a heading, a name, a reason, a caption, and where there is no table."""
    cells = pd.DataFrame({"Method": [name], "Reason": [name]})
    text = sheets.markdown(Tables(cells, [Sheet(f"a {name}", cells, f"b {name}", names=1)]))
    said = one_line(name)
    assert rendered(text) == [f"a {said}", "Method", "Reason", said, said, f"b {said}"]
    assert rendered(sheets.markdown(Tables(cells, [], absent=f"a {name}"))) == [f"a {said}"]


def test_no_text_is_a_formula_of_markdown():
    """GitHub's Markdown has them; intervals and p-values stay as they are."""
    cells = pd.DataFrame({"Method": ["$a$"], "To dense": ["-2.00 [-4.48, +0.48]"], "p": ["<0.001"]})
    text = sheets.markdown(Tables(cells, [Sheet("t", cells, "c", names=1)]))
    assert all(f" {cell}" in text for cell in (r"\$a\$", "-2.00 [-4.48, +0.48]", "<0.001"))


def test_hard_names_survive_markdown_in_the_caption(row):
    table = summary(pd.DataFrame([row(method=HARD, status="diverged")]))
    assert rendered(sheets.markdown(tables.summarised(table)))[-1].endswith(f"{HARD} (macs=0.5): 1 diverged.")


def test_hard_names_survive_html(row):
    table = summary(pd.DataFrame([row(method=HARD, dataset="<script>", status="diverged")]))
    text = tables.html(table)
    texts = Cells(text).texts
    assert "<script>" not in text
    assert "l<1>" not in text
    assert HARD in texts
    assert texts[0].startswith("<script>, lenet5.")
    assert texts[0].endswith(f"{HARD} (macs=0.5): 1 diverged.")


def test_hard_names_survive_latex(row):
    table = summary(pd.DataFrame([row(method='a_b&c%d$e#f{g}h~i^j\\k<l>m|n"ü')]))
    assert (
        r"a\_b\&c\%d\$e\#f\{g\}h\textasciitilde{}i\textasciicircum{}j\textbackslash{}k\textless{}l\textgreater{}m"
        r"\textbar{}n\symbol{34}ü & macs=0.5 & 1 & 90.00 & {--} &"
    ) in sheets.tex(tables.summarised(table))


def test_a_line_break_in_a_name_does_not_tear_the_table(row):
    table = summary(pd.DataFrame([row(method="two\nlines | x")]))
    assert "two lines | x" in rendered(sheets.markdown(tables.summarised(table)))


def test_latex_columns_are_numbers_or_braced(study):
    text = sheets.tex(tables.summarised(summary(study)))
    body = [
        line for line in text.splitlines() if line.endswith(r"\\") and "makecell" not in line and "caption" not in line
    ]
    assert len(body) == len(summary(study))
    for line in body:
        cells = [cell.strip() for cell in line.removesuffix(r"\\").split(" & ")]
        assert len(cells) == 11
        for i in (2, 3, 4, 5, 7, 8, 9):
            assert cells[i].startswith("{") or math.isfinite(float(cells[i]))
    assert r"\toprule" in text


def test_the_terminal_table_fits_80_columns(study):
    study.loc[study["target"] == "match:switcher", "test_accuracy"] -= 0.3 * study["seed"]
    console = Console(file=io.StringIO(), width=80)
    tables.print_summary(study, console)
    text = console.file.getvalue()
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text
    assert all(method in text for method in study["method"].unique())
    assert "sss (macs=0.5): 1 diverged" in text
    costs = list(display(summary(study))["Training cost, × dense"])
    assert [line.split()[-1] for line in text.splitlines() if "±" in line and "mean over" not in line] == costs


def test_names_like_markup_survive_the_terminal(row):
    console = Console(file=io.StringIO(), width=80)
    names = dict.fromkeys(["dataset", "target", "method"], "[red]x[/red]")
    tables.print_summary(pd.DataFrame([row(**names, status="diverged")]), console)
    assert console.file.getvalue().count("[red]x[/red]") == 3 + 2, "title, target, name, and both in the caption"


def test_a_caption_names_no_more_failures_than_it_has_room_for(row):
    rows = [row(method=f"m{i:02}", status="diverged", test_accuracy=math.nan) for i in range(15)]
    text = sheets.markdown(tables.summarised(summary(pd.DataFrame(rows))))
    assert "m11 (macs=0.5): 1 diverged; and 3 more, in the table of failures." in text
