"""A clock that jumps: what took how long is measured by one that cannot."""

from __future__ import annotations

import ast
import itertools
import time
from pathlib import Path
from typing import Any

import pytest

from benchmarks.registry import ROOT
from benchmarks.schemas.spec import Spec
from tests.benchmarks.test_train import Bench, records, timeless

SOURCES = [path for package in ("methods", "benchmarks", "workflow") for path in (ROOT / package).rglob("*.py")]
ALLOWED = {  # nothing is reckoned with it
    "benchmarks/training/run.py": ["now"],  # when a run was finished, for a reader
    "benchmarks/measure.py": ["now"],  # when latencies were taken, a label
}


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


CLOCKS = {"time", "time_ns", "now", "utcnow", "today"}


def asked(source: str) -> list[str]:
    """The clocks on the wall that are named: called, handed on, or imported under a name of their own."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            found.append(node.attr)
        elif isinstance(node, ast.ImportFrom) and node.module == "time":
            found += [alias.name for alias in node.names]
    return [name for name in found if name in CLOCKS]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_reckons_with_the_clock_on_the_wall(path: Path) -> None:
    assert asked(path.read_text()) == ALLOWED.get(str(path.relative_to(ROOT)), [])


@pytest.mark.parametrize(
    "code",
    [
        "time.time()",
        "time.time_ns()",
        "def f(clock=time.time): ...",
        "from time import time as clock",
        "import time as t; t.time()",
        "datetime.datetime.now()",
        "date.today()",
    ],
)
def test_it_would_be_found(code: str) -> None:
    assert asked(code)


def test_a_clock_that_cannot_jump_is_allowed() -> None:
    assert not asked("import time; from time import perf_counter; time.perf_counter(); time.monotonic()")
