"""How a network is trained on a dataset: the one recipe that all methods share."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, PositiveFloat, PositiveInt

Fraction = Annotated[float, Field(ge=0, lt=1)]
TABLE = Path(__file__).with_name("recipes.yaml")


class Recipe(BaseModel):
    """SGD with Nesterov momentum; the learning rate warms up linearly and falls by a cosine to 0."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    lr: PositiveFloat
    batch_size: PositiveInt
    momentum: Fraction
    weight_decay: NonNegativeFloat  # on weights of two or more dimensions
    warmup: Fraction  # fraction of the schedule


def recipe(dataset: str, network: str) -> Recipe:
    """The frozen recipe of the pair: the default, and what the table says of the dataset and of the pair."""
    table = _table(TABLE)
    own = table.get(dataset, {})
    return Recipe(**table["default"] | own.get("default", {}) | own.get(network, {}))


@cache
def _table(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text())
    return found


def rate(warmup: float, progress: float) -> float:
    """Fraction of the learning rate at `progress` (0 to 1) of the schedule."""
    if progress < warmup:
        return progress / warmup
    return 0.5 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup)))
