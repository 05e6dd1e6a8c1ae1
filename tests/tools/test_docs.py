"""The pages name files that exist, and are as short as they are meant to be."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.registry import ROOT
from benchmarks.report.figures.registry import FIGURES, OF_HISTORIES
from benchmarks.report.tables.registry import OF_PUBLISHED, TABLES

PAGES = [
    path
    for pattern in (
        "*.md",
        "docs/*.md",
        "config/*.md",
        "profiles/*.md",
        "methods/*.md",
        "benchmarks/**/*.md",
        "results/published/README.md",
    )
    for path in sorted(ROOT.glob(pattern))
    if path.name != "CHANGELOG.md"
]
TOP = [path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".") and path.name != "data"]
PATH = re.compile(
    rf"(?:{'|'.join(TOP)})(?:/[\w.-]+)*/?|(?:[\w-]+\.(?:md|toml|lock|yml)|Makefile|Snakefile|Containerfile)"
)
MADE = re.compile(r"results/(?!published)|.*\.(safetensors|html)$")  # by a study


def named(page: Path) -> Iterator[tuple[str, Path]]:
    """Every path that a page links to or spells as code, and where it must be; not those of its own examples."""
    text = page.read_text()
    shown = set(re.findall(r'^```\w+ title="(.+?)"$', text, flags=re.M))
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.S | re.M)
    for target in re.findall(r"\]\(([^)#]+)(?:#[\w-]+)?\)", prose):
        if "://" not in target:
            yield target, page.parent / target
    for code in re.findall(r"`([^`\n]+)`", re.sub(r"\[[^]]*\]\([^)]*\)", "", prose)):
        if PATH.fullmatch(code) and not MADE.match(code) and code not in shown and "/" in code:
            yield code, ROOT / code


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    assert not [name for name, path in named(page) if not path.exists()]


def test_names_of_files_are_found() -> None:
    assert {"docs/methods.md", "benchmarks/schemas/rows.py"} <= {name for name, _ in named(ROOT / "README.md")}
    assert len({name for name, _ in named(ROOT / "docs/architecture.md")}) > 50


def test_the_readme_is_short_and_the_index_names_every_page() -> None:
    assert len((ROOT / "README.md").read_bytes()) <= 8192
    index = (ROOT / "docs/index.md").read_text()
    assert not [path.name for path in ROOT.glob("docs/*.md") if path.name not in f"index.md {index}"]


def test_every_table_and_figure_is_explained() -> None:
    text = (ROOT / "docs/results.md").read_text()
    names = {*TABLES, *OF_PUBLISHED, *FIGURES, *OF_HISTORIES}
    assert not [name for name in names if f"`{name}`" not in text]


def test_the_glossary_has_at_most_30_terms_in_order() -> None:
    terms = re.findall(r"^\| \*(.+?)\*", (ROOT / "docs/glossary.md").read_text(), flags=re.M)
    assert 15 <= len(terms) <= 30 and terms == sorted(terms)
