"""What is found by file, what is read of it without running it, and what its hash covers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks import registry

GOOD = '''"""A paper.

Idea: none.
"""
from dataclasses import dataclass
from typing import Literal

TARGETS = ("macs", "free")
START = "init"


@dataclass(frozen=True)
class Knobs:
    share: float = 0.5
    steps: int = 3
    how: Literal["a", "b"] = "a"


raise RuntimeError("the planner runs nothing")
'''


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], Path]]:
    """Another repository: `tree("methods/a.py", text)` writes a file of it."""
    monkeypatch.setattr(registry, "ROOT", tmp_path)

    def forget() -> None:
        for read in (registry.card, registry.source_hash, registry._source):
            read.cache_clear()

    def write(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        forget()
        return path

    yield write
    forget()


def test_files_are_found_and_shared_ones_are_not(tree: Callable[[str, str], Path]) -> None:
    for name in ("b.py", "a.py", "_shared.py", "__init__.py", "notes.txt"):
        tree(f"methods/{name}", GOOD)
    assert registry.keys("method") == ["a", "b"]


@pytest.mark.parametrize("kind", ["method", "network", "dataset"])
def test_every_file_that_is_found_can_be_loaded(kind: str) -> None:
    entry = {"method": "learn", "network": "build", "dataset": "read"}[kind]
    assert registry.keys(kind)
    assert all(callable(getattr(registry.load(kind, key), entry)) for key in registry.keys(kind))


def test_a_card_is_read_without_running_the_file(tree: Callable[[str, str], Path]) -> None:
    tree("methods/a.py", GOOD)
    card = registry.card("a")
    assert (card.targets, card.start, card.retrain) == (("macs", "free"), "init", None)
    assert card.knobs == {"share": 0.5, "steps": 3, "how": "a"}
    assert card.types["share"] == "float"
    assert card.choices == {"how": ("a", "b")}
    assert card.doc.startswith("A paper.")


@pytest.mark.parametrize(
    ("line", "instead", "reason"),
    [
        ('TARGETS = ("macs", "free")', 'TARGETS = ("flops",)', "needs TARGETS"),
        ('TARGETS = ("macs", "free")', "TARGETS = ()", "needs TARGETS"),
        ('TARGETS = ("macs", "free")', "", "needs TARGETS"),
        ('TARGETS = ("macs", "free")', 'TARGETS = "macs"', "needs TARGETS"),
        ('START = "init"', 'START = "warm"', "needs TARGETS"),
        ('START = "init"', "", "needs TARGETS"),
        ('START = "init"', "START = str(1)", "must be literals"),
        ("share: float = 0.5", "share: float = 1 / 2", "must be literals"),
        ("share: float = 0.5", "share: float", "must be literals"),
    ],
)
def test_a_file_that_lacks_what_the_planner_reads_is_refused_by_name(
    tree: Callable[[str, str], Path], line: str, instead: str, reason: str
) -> None:
    path = tree("methods/a.py", GOOD.replace(line, instead))
    with pytest.raises(ValueError, match=reason) as caught:
        registry.card("a")
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("knob", "value", "fits"),
    [
        ("share", 0.1, True),
        ("share", 1, True),
        ("share", True, False),
        ("share", "0.1", False),
        ("steps", 2, True),
        ("steps", 2.0, False),
        ("steps", False, False),
        ("how", "b", True),
        ("how", "c", False),
        ("how", 1, False),
    ],
)
def test_a_knob_takes_values_of_its_type(
    tree: Callable[[str, str], Path], knob: str, value: object, fits: bool
) -> None:
    tree("methods/a.py", GOOD)
    assert registry.fits(registry.card("a"), knob, value) is fits


@pytest.fixture
def repository(tree: Callable[[str, str], Path]) -> Callable[[str, str], Path]:
    """Two methods; the first imports a core module, which imports another, and a runner."""
    tree("methods/__init__.py", "")
    tree("methods/a.py", "import torch\nfrom methods.core import gates\n")
    tree("methods/b.py", "from methods.core.ranking import keep_by_rank\n")
    tree("methods/core/gates.py", "from methods.core.api import Keep\n")
    tree("methods/core/api.py", "Keep = dict\n")
    tree("methods/core/ranking.py", "def keep_by_rank(): ...\n")
    tree("benchmarks/run.py", "import benchmarks.data\n\ndef late():\n    from benchmarks import lazy\n")
    tree("benchmarks/data.py", "SIZE = 1\n")
    tree("benchmarks/lazy.py", "SIZE = 1\n")
    return tree


@pytest.mark.parametrize(
    "changed",
    [
        "methods/a.py",
        "methods/core/gates.py",
        "methods/core/api.py",
        "benchmarks/run.py",
        "benchmarks/data.py",
        "benchmarks/lazy.py",
    ],
)
def test_the_hash_changes_with_the_file_and_with_what_it_imports(
    repository: Callable[[str, str], Path], tmp_path: Path, changed: str
) -> None:
    before = registry.source_hash("methods.a", "benchmarks.run")
    repository(changed, (tmp_path / changed).read_text() + "# changed\n")
    assert registry.source_hash("methods.a", "benchmarks.run") != before


def test_the_hash_leaves_docstrings_out(repository: Callable[[str, str], Path]) -> None:
    """Of modules, classes and functions; a text that is a value counts."""
    text = '"""{0}."""\n\n\nclass A:\n    """{0}\n\n    {0}."""\n\n    def f(self):\n        """{0}."""\n'
    text += '        return "{1}"\n'
    hashes = []
    for doc, value in (("One", "a"), ("Another\ntext", "a"), ("One", "b")):
        repository("methods/a.py", text.format(doc, value))
        hashes.append(registry.source_hash("methods.a"))
    assert hashes[0] == hashes[1] != hashes[2]


@pytest.mark.parametrize("changed", ["methods/b.py", "methods/core/ranking.py", "benchmarks/new.py"])
def test_the_hash_does_not_change_with_another_method(repository: Callable[[str, str], Path], changed: str) -> None:
    before = registry.source_hash("methods.a", "benchmarks.run")
    repository(changed, "CHANGED = True\n")
    assert registry.source_hash("methods.a", "benchmarks.run") == before


def test_the_hash_does_not_depend_on_the_order_of_the_modules(repository: Callable[[str, str], Path]) -> None:
    assert registry.source_hash("methods.a", "benchmarks.run") == registry.source_hash("benchmarks.run", "methods.a")


def test_a_methods_hash_covers_its_core() -> None:
    closure = registry._closure(("methods.switcher", "benchmarks.run"))
    assert {"methods.core.alternation", "methods.core.switcher_net", "methods.core.structure"} <= closure
    assert {"benchmarks.problem", "benchmarks.data", "benchmarks.checkpoint"} <= closure
    assert not {"methods.l1", "methods.sss", "methods.dense"} & closure


def test_planning_imports_no_torch() -> None:
    code = "import sys, benchmarks.spec, benchmarks.study; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=registry.ROOT).returncode == 0
