"""One home for every contract: how targets and tensors are spelled, what classes are called, how large files are."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.test_layering import EVERY, ROOT, ids, sources

SCHEMAS = ROOT / "benchmarks/schemas"
TARGET = re.compile(r"(?<![\w-])(macs=|match:|from:)")
TENSORS = re.compile(r"^(net|momentum|transfer)/")
ELSEWHERE = [path for path in EVERY if not path.is_relative_to(SCHEMAS)]
TABLE_NAMES = ROOT / "benchmarks/report/tables/across.py"
"""Here \"free\" is the name of a table."""


def literals(tree: ast.AST) -> Iterator[str]:
    """Every string of a file, parts of f-strings too; docstrings and the TARGETS of a method are left out."""
    skipped = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            skipped.add(id(node.value))
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "TARGETS":
            skipped |= {id(part) for part in ast.walk(node.value)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped:
            yield node.value


def spells_a_target(text: str) -> bool:
    return text == "free" or bool(TARGET.search(text))


@pytest.mark.parametrize("path", ELSEWHERE, ids=ids(ELSEWHERE))
def test_only_schemas_spell_a_target_or_the_name_of_a_tensor(path: Path) -> None:
    found = [text for text in literals(ast.parse(path.read_text())) if spells_a_target(text) or TENSORS.match(text)]
    assert not found or (path == TABLE_NAMES and found == ["free"])


def test_neither_do_the_rules_of_the_workflow() -> None:
    for path in [*(path for path in sources("workflow") if path.suffix == ".smk"), ROOT / "Snakefile"]:
        code = re.sub(r"#.*", "", path.read_text())
        assert not TARGET.search(code) and '"free"' not in code, path


@pytest.mark.parametrize("code", ['x == "free"', 'f"match:{label}"', 't.startswith("macs=")', '{"from:": 1}'])
def test_a_spelling_would_be_found(code: str) -> None:
    assert any(map(spells_a_target, literals(ast.parse(code))))
    assert not list(literals(ast.parse('"""At `macs=0.5`."""\nTARGETS = ("free",)')))


def test_no_two_classes_have_one_name() -> None:
    """But Knobs, which every method has; a network names its own layers."""
    files = [path for path in EVERY if not path.is_relative_to(ROOT / "benchmarks/networks")]
    trees = [ast.parse(path.read_text()) for path in files]
    names = Counter(node.name for tree in trees for node in tree.body if isinstance(node, ast.ClassDef))
    assert [name for name, count in names.items() if count > 1] == ["Knobs"]


MOST_LINES, MOST_MODULES = 200, 12
A_FILE_EACH = {"methods", "benchmarks/datasets", "benchmarks/networks"}
"""Folders that hold one file for each method, dataset or network."""


def test_no_file_is_longer_than_two_hundred_lines() -> None:
    code = [*EVERY, *(ROOT / "speed").glob("*.py"), *(ROOT / "tools").glob("*.py")]
    long = {str(path.relative_to(ROOT)) for path in code if len(path.read_text().splitlines()) > MOST_LINES}
    assert not long


def test_no_folder_has_more_than_a_dozen_modules() -> None:
    modules = Counter(str(path.parent.relative_to(ROOT)) for path in EVERY if path.name != "__init__.py")
    assert {folder for folder, count in modules.items() if count > MOST_MODULES} <= A_FILE_EACH
