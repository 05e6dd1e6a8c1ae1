"""Methods, networks and datasets are found by file; what a file declares is read, and checked, without running it.

Importing a method imports torch, which takes seconds; planning a study must not. So the planner reads docstrings,
literals, the fields of Knobs and the names of functions from the source text.
"""

from __future__ import annotations

import ast
import importlib
import math
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from benchmarks.declarations import Declarations
from benchmarks.schemas.target import SPELLED

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = {"method": "methods", "network": "benchmarks/networks", "dataset": "benchmarks/datasets"}
KNOB_TYPES: dict[str, type | tuple[type, ...]] = {"int": int, "float": (int, float), "bool": bool, "str": str}


@dataclass(frozen=True)
class MethodCard:
    """What a method's file declares."""

    key: str
    doc: str
    targets: tuple[str, ...]
    start: str
    retrain: str | None
    source: dict[str, dict[str, Any]]  # the method, and its knobs, that it transfers from; empty for most
    continues: dict[str, Any]  # knobs of its own with which it learns on, as the source of a further transfer
    knobs: dict[str, Any]  # name -> default
    types: dict[str, str]  # name -> annotation
    choices: dict[str, tuple[Any, ...]]  # name -> allowed values, where the annotation is a Literal
    ranges: dict[str, tuple[float, float]]  # name -> least and largest value, where RANGES states them


@dataclass(frozen=True)
class DatasetCard:
    """What a dataset's file declares."""

    shape: tuple[int, int, int]  # channels, height, width
    images: tuple[int, int, int]  # for training, validation and test


def keys(kind: str) -> list[str]:
    """Every method, network or dataset that there is: the files of its folder."""
    return sorted(p.stem for p in (ROOT / FOLDERS[kind]).glob("*.py") if not p.stem.startswith("_"))


def load(kind: str, key: str) -> ModuleType:
    """Import the file of a method, network or dataset. Raises ValueError, with what there is, if it has none."""
    if key not in keys(kind):
        raise ValueError(f"unknown {kind} {key!r}; allowed: {', '.join(keys(kind))}")
    return importlib.import_module(f"{FOLDERS[kind].replace('/', '.')}.{key}")


def check(kind: str, key: str) -> None:
    """Raises ValueError, naming file and field, where the file does not declare what its kind needs."""
    {"method": card, "network": _network, "dataset": dataset_card}[kind](key)


@cache
def card(key: str) -> MethodCard:
    """Read a method's file. Raises ValueError where it does not declare what methods/core/api.py asks for."""
    file = _declarations("method", key)
    targets = file.literal(
        "TARGETS",
        f"a tuple of {', '.join(map(repr, SPELLED))}, like ('macs',)",
        lambda value: isinstance(value, tuple) and bool(value) and set(value) <= set(SPELLED),
    )
    start = file.literal("START", "'init' or 'pretrained'", lambda value: value in ("init", "pretrained"))
    retrain = file.literal("RETRAIN", "'scratch', if it is there", lambda value: value in (None, "scratch"), None)
    source = file.literal(
        "SOURCE",
        "one method with its knobs, like {'switcher': {}}, where TARGETS holds 'from'",
        lambda value: isinstance(value, dict) and len(value) == ("from" in targets),
        {},
    )
    continues = file.literal("CONTINUE", "a dict of knobs", lambda value: isinstance(value, dict), {})
    file.function("learn", "net", "problem", "knobs")
    knobs, types = file.fields("Knobs")
    ranges = file.literal("RANGES", "a dict of knobs and their (least, largest) values", _ranges, {})
    choices = {n: ast.literal_eval(f"({t[8:-1]},)") for n, t in types.items() if t.startswith("Literal[")}
    return MethodCard(key, file.doc, targets, start, retrain, source, continues, knobs, types, choices, ranges)


@cache
def dataset_card(key: str) -> DatasetCard:
    """Read a dataset's file. Raises ValueError where it does not declare what benchmarks/datasets asks for."""
    file = _declarations("dataset", key)
    shape = file.literal("SHAPE", "(channels, height, width) of an image, like (1, 28, 28)", _three)
    images = file.literal("IMAGES", "images for (training, validation, test), like (55000, 5000, 10000)", _three)
    file.assigned("CLASSES", "the number of classes, like 10")
    file.assigned("AUGMENT", "an Augment, like Augment(shift=2)")
    if isinstance(file.names.get("SHA256"), ast.expr):
        sums = "a dict of file names and their sha256, 64 hex digits each, if it is there"
        file.literal("SHA256", sums, _sums)
    file.function("read", "raw")
    return DatasetCard(shape, images)


@cache
def _network(key: str) -> None:
    _declarations("network", key).function("build", "channels", "size", "classes")


def _declarations(kind: str, key: str) -> Declarations:
    return Declarations.read(ROOT / FOLDERS[kind] / f"{key}.py")


def _three(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) == 3 and all(type(n) is int and n > 0 for n in value)


def _ranges(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(pair, tuple) and len(pair) == 2 for pair in value.values())


def _sums(value: Any) -> bool:
    return isinstance(value, dict) and all(re.fullmatch("[0-9a-f]{64}", str(digest)) for digest in value.values())


def fits(card: MethodCard, knob: str, value: Any) -> bool:
    """Whether the value is one that the knob can take."""
    if knob in card.choices:
        return value in card.choices[knob]
    wanted = KNOB_TYPES.get(card.types[knob], object)
    if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
        return False
    if isinstance(value, float) and not math.isfinite(value):
        return False
    least, largest = card.ranges.get(knob, (-math.inf, math.inf))
    return not isinstance(value, int | float) or least <= value <= largest


def allowed(card: MethodCard, knob: str) -> str:
    """What `fits` accepts, for a message."""
    if knob in card.choices:
        return ", ".join(map(repr, card.choices[knob]))
    least, largest = card.ranges.get(knob, (None, None))
    return card.types[knob] + (f" from {least} to {largest}" if least is not None else "")
