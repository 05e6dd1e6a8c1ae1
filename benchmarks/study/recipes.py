"""How a network is trained on a dataset: the one recipe that all methods share."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from benchmarks.schemas.recipe import Recipe

TABLE = Path(__file__).with_name("recipes.yaml")


def recipe(dataset: str, network: str, settings: Mapping[str, Any] = MappingProxyType({})) -> Recipe:
    """The frozen recipe of a task: the default, what the table says of the dataset and of the task, and `settings`."""
    table = _table(TABLE)
    own = table.get(dataset, {})
    found = {**table["default"], **own.get("default", {}), **own.get(network, {}), **settings}
    return Recipe.model_validate(found, strict=True)


def origin(dataset: str, network: str, used: Recipe) -> str:
    """`tuned`, if the learning rate is the best on this task's validation part; `study`, if a study changes the recipe;
    else `default`."""
    if used != recipe(dataset, network):
        return "study"
    return "tuned" if network in _table(TABLE).get(dataset, {}) else "default"


@cache
def _table(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text())
    return found
