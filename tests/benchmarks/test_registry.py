"""What is found by file, and what is read of a file, and checked, without running it."""

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


def learn(net, problem, knobs):
    return problem.everything()


raise RuntimeError("the planner runs nothing")
'''


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], Path]]:
    """Another repository: `tree("methods/a.py", text)` writes a file of it."""
    monkeypatch.setattr(registry, "ROOT", tmp_path)

    def forget() -> None:
        for cached in (registry.card, registry.dataset_card, registry._network):
            cached.cache_clear()

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


DATASET = """CLASSES = 10
SHAPE = (1, 28, 28)
IMAGES = (100, 50, 50)
AUGMENT = Augment(shift=2)
SHA256 = {"a.gz": "%s"}


def read(raw):
    return {}


raise RuntimeError("the planner runs nothing")
""" % ("0" * 64)
NETWORK = "def build(channels, size, classes):\n    return None\n\n\nraise RuntimeError('the planner runs nothing')\n"
FILES = {"method": GOOD, "dataset": DATASET, "network": NETWORK}


@pytest.mark.parametrize("kind", FILES)
def test_a_file_that_declares_what_its_kind_needs_is_accepted(tree: Callable[[str, str], Path], kind: str) -> None:
    tree(f"{registry.FOLDERS[kind]}/a.py", FILES[kind])
    registry.check(kind, "a")


@pytest.mark.parametrize(
    ("kind", "line", "instead", "reason"),
    [
        (
            "method",
            'TARGETS = ("macs", "free")',
            'TARGETS = ("flops",)',
            r"TARGETS is \('flops',\); it must be a tuple of",
        ),
        ("method", 'TARGETS = ("macs", "free")', "TARGETS = ()", r"TARGETS is \(\); it must be a tuple of 'macs'"),
        (
            "method",
            'TARGETS = ("macs", "free")',
            "",
            "TARGETS is missing; it must be a tuple of 'macs', 'free', 'from'",
        ),
        ("method", 'TARGETS = ("macs", "free")', 'TARGETS = "macs"', "TARGETS is 'macs'; it must be a tuple of"),
        ("method", 'TARGETS = ("macs", "free")', 'TARGETS = ("from",)', "SOURCE is {}; it must be one method with its"),
        ("method", 'START = "init"', 'START = "warm"', "START is 'warm'; it must be 'init' or 'pretrained'"),
        ("method", 'START = "init"', "", "START is missing; it must be 'init' or 'pretrained'"),
        ("method", 'START = "init"', "START = str(1)", "START must be a literal"),
        ("method", 'START = "init"', 'START = "init"\nRETRAIN = "new"', "RETRAIN is 'new'; it must be 'scratch'"),
        ("method", "share: float = 0.5", "share: float = 1 / 2", "Knobs.share must be a literal"),
        ("method", "share: float = 0.5", "share: float", "Knobs.share must be a literal"),
        ("method", "class Knobs", "class Settings", "Knobs is missing; it must be a frozen dataclass"),
        ("method", "def learn", "def train", r"learn is missing; it must be def learn\(net, problem, knobs\)"),
        (
            "method",
            "(net, problem, knobs)",
            "(net, problem)",
            r"learn takes 2 arguments; it must be def learn\(net, prob",
        ),
        ("method", "def learn", "def 1", "line 19 is no Python: invalid"),
        ("dataset", "CLASSES = 10", "", "CLASSES is missing; it must be the number of classes"),
        ("dataset", "SHAPE = (1, 28, 28)", "", r"SHAPE is missing; it must be \(channels, height, width\)"),
        ("dataset", "SHAPE = (1, 28, 28)", "SHAPE = (28, 28)", r"SHAPE is \(28, 28\); it must be \(channels, height"),
        ("dataset", "IMAGES = (100, 50, 50)", "", r"IMAGES is missing; it must be images for \(training, validation"),
        ("dataset", "IMAGES = (100, 50, 50)", "IMAGES = 200", "IMAGES is 200; it must be images for"),
        ("dataset", "IMAGES = (100, 50, 50)", "IMAGES = (100, 50, 0)", r"IMAGES is \(100, 50, 0\); it must be"),
        ("dataset", "AUGMENT = Augment(shift=2)", "", "AUGMENT is missing; it must be an Augment"),
        ("dataset", f'{{"a.gz": "{"0" * 64}"}}', f'"{"0" * 64}"', "SHA256 is '0+'; it must be a dict of file names"),
        ("dataset", "0" * 64, "0" * 63, "SHA256 is {'a.gz': '0+'}; it must be a dict of file names"),
        ("dataset", "def read(raw)", "def read()", r"read takes 0 arguments; it must be def read\(raw\)"),
        ("network", "def build", "def make", r"build is missing; it must be def build\(channels, size, classes\)"),
        ("network", "(channels, size, classes)", "(classes)", "build takes 1 arguments; it must be def build"),
    ],
)
def test_a_file_that_does_not_is_refused_by_name_and_field(
    tree: Callable[[str, str], Path], kind: str, line: str, instead: str, reason: str
) -> None:
    assert FILES[kind].count(line) == 1
    path = tree(f"{registry.FOLDERS[kind]}/a.py", FILES[kind].replace(line, instead))
    with pytest.raises(ValueError, match=reason) as caught:
        registry.check(kind, "a")
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)


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
