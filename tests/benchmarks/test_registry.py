"""What is found by file, what is read of it without running it, ."""

from __future__ import annotations

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

    forget = registry.card.cache_clear

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
