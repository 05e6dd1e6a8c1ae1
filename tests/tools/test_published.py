"""results/published/: what it may hold, how large it may be, and the page that lists the studies."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import pytest

from benchmarks.registry import ROOT
from tools import publish, published

PUBLISHED = published.PUBLISHED
FILES = sorted(path for path in PUBLISHED.rglob("*") if path.is_file())
STUDIES = [path.name for path in published.folders()]
MOST, PAGE = 15e6, 2e6  # bytes; a page carries 0.4e6 of Vega, so that it opens alone
ALLOWED = {"rows.csv", "runs.parquet", "correct.parquet", "claims.md", "index.html"} | {
    f"{folder}/*{suffix}" for folder, suffix in [("tables", ".csv"), ("tables", ".md"), ("figures", ".svg")]
}


def test_all_that_is_published_is_small() -> None:
    sizes = {path: path.stat().st_size for path in FILES}
    assert len(STUDIES) >= 8 and sum(sizes.values()) <= MOST, f"{sum(sizes.values()):,} bytes"
    assert {path: size for path, size in sizes.items() if path.suffix == ".html" and size > PAGE} == {}


@pytest.mark.parametrize("study", STUDIES)
def test_a_study_holds_its_rows_and_what_is_read_of_them(study: str) -> None:
    shown = re.findall(rf"results/published/{study}/(figures/\w+\.png)", _texts())
    found = {path.relative_to(PUBLISHED / study) for path in FILES if path.is_relative_to(PUBLISHED / study)}
    assert not [p for p in found if p.suffix == ".svg" and (PUBLISHED / study / p).stat().st_size > publish.LARGE]
    other = {path for path in found if not any(path.match(allowed) for allowed in ALLOWED)}
    assert {str(path) for path in other} == set(shown), "make page PUBLISHED=<study>"
    assert {Path(name) for name in ("rows.csv", "runs.parquet", "claims.md", "index.html")} <= found


def test_of_speed_there_are_numbers_table_and_figure() -> None:
    found = {path.name for path in (PUBLISHED / "speed").iterdir()}
    assert found == {f"speed.{suffix}" for suffix in ("json", "md", "txt", "svg", "png")}


def test_the_list_of_studies_is_up_to_date_and_every_link_resolves() -> None:
    text = (PUBLISHED / "index.html").read_text(encoding="utf-8")
    assert text == published.written(), "python -m tools.published"
    links = [unescape(link) for link in re.findall(r'href="([^"]*)"', text)]
    assert len(links) >= 6 * len(STUDIES)
    assert [link for link in links if not (PUBLISHED / link).is_file()] == []
    assert "<script" not in text and "://" not in text, "it needs no network"


def test_what_a_study_asks_is_one_sentence_of_its_config() -> None:
    assert published.question("# Does it\n# break? Never.\nstudy: a\n") == "Does it break?"
    assert published.question("study: a\n# Not this.\n") == ""


def test_text_of_rows_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published, "hardware", lambda rows: "<b>chip</b>")
    monkeypatch.setattr(published, "folders", lambda: iter([PUBLISHED / "quick"]))
    assert "&lt;b&gt;chip" in published.written()


def _texts() -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in [ROOT / "README.md", *ROOT.glob("docs/*.md")])
