"""How a network is trained on a dataset: the one recipe that all methods share."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

from benchmarks.schemas.recipe import Recipe

TABLE = Path(__file__).with_name("recipes.yaml")


def recipe(dataset: str, network: str) -> Recipe:
    """The frozen recipe of a task: the default, and what the table says of the dataset and of the task."""
    table = _table(TABLE)
    own = table.get(dataset, {})
    return Recipe(**table["default"] | own.get("default", {}) | own.get(network, {}))


def origin(dataset: str, network: str) -> str:
    """`tuned`, if the learning rate is the best on this task's validation part; else `default`."""
    return "tuned" if network in _table(TABLE).get(dataset, {}) else "default"


@cache
def _table(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text())
    return found
