"""The README names every method, as its file does."""

from __future__ import annotations

import re

import pytest

from benchmarks import registry
from tools import readme


def test_the_readme_has_what_the_files_say() -> None:
    text = readme.README.read_text()
    assert text == readme.written(text), "python -m tools.readme"


@pytest.mark.parametrize("key", registry.keys("method"))
def test_every_method_has_a_name_an_idea_and_a_source(key: str) -> None:
    _, told, name, idea, source, _ = re.split(r"(?<!\\)\|", readme.line(key))
    assert told.strip() == f"`{key}`" and len(name.strip()) > 1 and len(idea.strip()) > 10
    assert re.search(r"\b(19|20)\d\d\b|arXiv|control|question", source)
