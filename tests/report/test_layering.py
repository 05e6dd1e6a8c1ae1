"""The report's folders lean one way: stats <- text <- tables, figures, claims, page, paper."""

from __future__ import annotations

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
REPORT = "benchmarks.report"
FILES = sorted((ROOT / "benchmarks/report").rglob("*.py"))
MAY_IMPORT = {"stats": {"stats"}, "text": {"stats", "text"}} | {
    part: {"stats", "text", part} for part in ("tables", "figures", "claims", "page", "paper")
}
"""Folder -> what it may import of the report."""


def module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module(path): path for path in FILES}


def imported(path: Path) -> set[str]:
    """Every module that a file imports, at whatever place; `from package import module` is that module."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parts = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else str(node.module) for name in parts}
    return found


def part(name: str) -> str:
    """stats of benchmarks.report.stats.summary."""
    return name.removeprefix(f"{REPORT}.").split(".")[0]


@pytest.mark.parametrize("path", FILES, ids=MODULES)
def test_the_report_imports_schemas_and_files_alone_of_this_project(path: Path) -> None:
    own = {name for name in imported(path) if name.split(".")[0] in ("benchmarks", "methods", "workflow", "speed")}
    outside = {name for name in own if not name.startswith(REPORT)}
    assert not {name for name in outside if not name.startswith("benchmarks.schemas")} - {"benchmarks.machine.files"}


@pytest.mark.parametrize("path", FILES, ids=MODULES)
def test_parts_import_statistics_and_text_and_not_each_other(path: Path) -> None:
    used = {part(name) for name in imported(path) if name.startswith(f"{REPORT}.")}
    assert used <= MAY_IMPORT.get(part(module(path)), set())


def test_no_imports_run_in_a_circle() -> None:
    tuple(TopologicalSorter({name: imported(path) & set(MODULES) for name, path in MODULES.items()}).static_order())


def test_folders_and_files_stay_small() -> None:
    assert {part(name) for name in MODULES if name != REPORT} == set(MAY_IMPORT)
    for folder in {path.parent for path in FILES}:
        assert len([path for path in folder.glob("*.py") if path.name != "__init__.py"]) <= 12, folder
    assert not [path for path in FILES if len(path.read_text().splitlines()) > 200]


def test_the_imports_are_found() -> None:
    """A rule that reads nothing would always hold."""
    assert f"{REPORT}.text.sheets" in imported(MODULES[f"{REPORT}.tables.summary"])
    assert "benchmarks.schemas.rows" in imported(MODULES[f"{REPORT}.stats.rows"])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_number_that_rounds_to_zero_has_no_minus(path: Path) -> None:
    """Format `z` makes -0.00 of a signed number +0.00."""
    assert f"{-0.001:+z.2f}" == "+0.00"
    assert not re.search(r"\+\.\d+f", path.read_text())
