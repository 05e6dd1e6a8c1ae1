"""The page holds everything, escapes everything and asks no server for anything."""

from __future__ import annotations

import math
import re
from html.parser import HTMLParser

import pandas as pd
import pytest

from benchmarks.report.page import page, run_table

HARD = "<script>alert('ü')</script>&\"'"


class Elements(HTMLParser):
    """Tags with their attributes, and the text of table cells."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.cells: list[str] = []
        self.inside = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in ("td", "th"):
            self.cells.append("")
            self.inside = True

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.cells[-1] += data


@pytest.fixture
def text(study) -> str:
    return page(study)


def test_the_same_rows_give_the_same_bytes(text, study):
    assert page(study.copy()) == text


def test_nothing_is_fetched(text):
    """A link that the reader clicks is no request; a source, a style sheet or an import is."""
    found = Elements(text)
    assert not [attrs for _, attrs in found.tags if "src" in attrs or "srcset" in attrs]
    assert not [tag for tag, _ in found.tags if tag in ("link", "iframe", "object", "embed", "image", "img")]
    assert not re.search(r"@import|fetch\(|XMLHttpRequest|url\((?!#)", text)
    links = {attrs["href"] for tag, attrs in found.tags if tag == "a"}
    assert all(link == "rows.csv" or link.startswith("#") for link in links if link)
    assert "default-src 'none'" in text


def test_ids_are_unique_and_every_reference_has_one(text):
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:url\(|href=")#([^")]+)', text)) <= set(ids)


def test_every_run_is_there_and_verdicts_come_first(text, study):
    found = Elements(text)
    assert found.cells.count("evolution") >= (study["method"] == "evolution").sum()
    assert text.index('class="verdict"') < text.index("Test accuracy: mean over n") < text.index("<svg")
    assert text.count("<svg") == 4


def test_all_text_is_escaped(row):
    rows = pd.DataFrame([row(**dict.fromkeys(["study", "dataset", "network", "method", "reason", "device"], HARD))])
    found = Elements(page(rows))
    assert sum(tag == "script" for tag, _ in found.tags) == 1
    assert found.cells.count(HARD) == 5


def test_every_control_can_be_reached_by_keyboard(text, study):
    found = Elements(text)
    sortable = [tag for tag, _ in found.tags if tag == "button"]
    assert len(sortable) == len(run_table(study).columns)
    assert not [attrs for _, attrs in found.tags if "onclick" in attrs]
    assert any(attrs.get("for") == "filter" for tag, attrs in found.tags if tag == "label")


def test_a_failed_run_shows_why_and_no_number(row):
    run = run_table(pd.DataFrame([row(status="diverged", test_accuracy=math.nan, reason="loss is nan")])).iloc[0]
    assert (run["accuracy, %"], run["status"], run["reason"]) == ("–", "diverged", "loss is nan")
    assert (run["MACs kept, %"], run["training MACs"], run["seconds"]) == ("50.0", "3e+06", "3")


def test_a_thousand_runs_take_less_than_five_megabytes(make):
    rows = make(["dense", *(f"method_{i}" for i in range(20))], seeds=13)
    assert len(rows) > 1000
    assert len(page(rows).encode()) < 5e6


def test_one_run_is_enough(row):
    assert "1 runs" not in page(pd.DataFrame([row()]))
