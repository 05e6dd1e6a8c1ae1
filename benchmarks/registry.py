"""Methods, networks and datasets are found by file; what a file says is read without running it.

Importing a method imports torch, which costs seconds; planning a study must not. So the planner reads
docstrings, literals and the fields of Knobs from the source text.
"""

from __future__ import annotations

import ast
import importlib
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = {"method": "methods", "network": "benchmarks/networks", "dataset": "benchmarks/datasets"}
LITERALS = ("TARGETS", "START", "RETRAIN", "TEACHER", "HEIR", "RANGES")
KNOB_TYPES: dict[str, type | tuple[type, ...]] = {"int": int, "float": (int, float), "bool": bool, "str": str}


@dataclass(frozen=True)
class Card:
    """What a method's file says of it."""

    key: str
    doc: str
    targets: tuple[str, ...]
    start: str
    retrain: str | None
    teacher: dict[str, dict[str, Any]]  # the method, and its knobs, whose learner is taken over; empty for most
    heir: dict[str, Any]  # knobs of its own with which it passes on what it took over
    knobs: dict[str, Any]  # name -> default
    types: dict[str, str]  # name -> annotation
    choices: dict[str, tuple[Any, ...]]  # name -> allowed values, where the annotation is a Literal
    ranges: dict[str, tuple[float, float]]  # name -> least and largest value, where the file states them in RANGES


def keys(kind: str) -> list[str]:
    """Every method, network or dataset that there is: the files of its folder."""
    return sorted(p.stem for p in (ROOT / FOLDERS[kind]).glob("*.py") if not p.stem.startswith("_"))


def load(kind: str, key: str) -> ModuleType:
    """Import the file of a method, network or dataset. Raises ValueError, with what there is, if it has none."""
    if key not in keys(kind):
        raise ValueError(f"unknown {kind} {key!r}; allowed: {', '.join(keys(kind))}")
    return importlib.import_module(f"{FOLDERS[kind].replace('/', '.')}.{key}")


@cache
def card(key: str) -> Card:
    """Read a method's file. Raises ValueError where it does not hold what methods/core/api.py asks for."""
    path = ROOT / FOLDERS["method"] / f"{key}.py"
    tree = ast.parse(path.read_text(), filename=str(path))
    literals, fields, types = {}, {}, {}
    try:
        for node in tree.body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                if (name := node.targets[0].id) in LITERALS:
                    literals[name] = ast.literal_eval(node.value)
            elif isinstance(node, ast.ClassDef) and node.name == "Knobs":
                for field in node.body:
                    if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                        types[field.target.id] = ast.unparse(field.annotation)
                        fields[field.target.id] = ast.literal_eval(field.value)  # type: ignore[arg-type]
    except ValueError as error:
        raise ValueError(f"{path}: {', '.join(LITERALS)} and the defaults of Knobs must be literals") from error
    targets = tuple(literals.get("TARGETS", ()))
    if (
        not targets
        or not set(targets) <= {"macs", "free", "from"}
        or literals.get("START") not in ("init", "pretrained")
    ):
        raise ValueError(f'{path}: needs TARGETS with "macs", "free" or "from" and START = "init" or "pretrained"')
    choices = {n: ast.literal_eval(f"({t[8:-1]},)") for n, t in types.items() if t.startswith("Literal[")}
    doc = ast.get_docstring(tree) or ""
    retrain, teacher, heir = literals.get("RETRAIN"), literals.get("TEACHER", {}), literals.get("HEIR", {})
    ranges = literals.get("RANGES", {})
    return Card(key, doc, targets, literals["START"], retrain, teacher, heir, fields, types, choices, ranges)


def fits(card: Card, knob: str, value: Any) -> bool:
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


def allowed(card: Card, knob: str) -> str:
    """What `fits` accepts, for a message."""
    if knob in card.choices:
        return ", ".join(map(repr, card.choices[knob]))
    least, largest = card.ranges.get(knob, (None, None))
    return card.types[knob] + (f" from {least} to {largest}" if least is not None else "")
