"""A clock that jumps: what took how long is measured by one that cannot."""

from __future__ import annotations

import ast
import itertools
import time
from pathlib import Path
from typing import Any

import pytest

from benchmarks.registry import ROOT
from benchmarks.spec import Spec
from tests.benchmarks.test_run import Bench, records, timeless

SOURCES = [path for package in ("methods", "benchmarks", "workflow") for path in (ROOT / package).rglob("*.py")]
ALLOWED = {"benchmarks/run.py": ["now"]}  # when a run was finished, for a reader; nothing is reckoned with it


def test_a_clock_that_is_set_back_changes_no_number(
    bench: Bench, spec: Spec, whole: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    hours = itertools.count(2e9, -3600)
    monkeypatch.setattr(time, "time", lambda: next(hours))
    monkeypatch.setattr(time, "time_ns", lambda: int(1e9 * next(hours)))
    folder = bench.cell(spec)
    assert timeless(folder) == whole
    for record in records(folder):
        assert all(0 < cost["seconds"] < 600 for cost in record["spent"].values())


def asked(path: Path) -> list[str]:
    """Calls of the clock on the wall."""
    calls = [node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    named = [(ast.unparse(call.value), call.attr) for call in calls if isinstance(call, ast.Attribute)]
    return [name for owner, name in named if (owner, name) in CLOCKS]


CLOCKS = {("time", "time"), ("time", "time_ns"), ("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today")}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_reckons_with_the_clock_on_the_wall(path: Path) -> None:
    assert asked(path) == ALLOWED.get(str(path.relative_to(ROOT)), [])
