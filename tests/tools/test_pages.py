"""The generated parts of the pages follow the files that they are made of."""

from __future__ import annotations

import re

import pytest

from benchmarks import registry
from tools import pages


@pytest.mark.parametrize("page", pages.PARTS)
def test_a_generated_part_is_up_to_date(page: str) -> None:
    assert (registry.ROOT / page).read_text() == pages.written(page), f"{page} is out of date: run `make docs`"


def test_every_page_has_the_marks_of_its_generated_part() -> None:
    for page, (name, _) in pages.PARTS.items():
        assert f"<!-- {name}: begin -->" in (registry.ROOT / page).read_text(), page


@pytest.mark.parametrize("key", registry.keys("method"))
def test_every_method_has_a_name_an_idea_and_a_source(key: str) -> None:
    _, named, name, idea, source, _ = re.split(r"(?<!\\)\|", pages.line(key))
    assert named.strip() == f"`{key}`" and len(name.strip()) > 1 and len(idea.strip()) > 10
    assert re.search(r"\b(19|20)\d\d\b|arXiv|control|question", source)


def test_the_table_of_results_says_where_a_method_ran_on_fewer_tasks() -> None:
    row = {"target": "free", "difference": "-0.05", "fixed_half": "0.01", "macs_kept": "0.5", "tasks": "2"}
    row |= {"planned": "10", "scored": "9"}
    assert pages._difference(row, 2) == "-5.00 ± 1.00 at 50 %, 1 failed"
    assert pages._difference(row, 3) == "-5.00 ± 1.00 at 50 % (2), 1 failed"
