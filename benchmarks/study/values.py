"""The values that a config may have, and how each is checked."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, ValidationError

from benchmarks.schemas.recipe import Recipe
from benchmarks.schemas.target import Spelled
from benchmarks.study.messages import fault, shown
from benchmarks.study.method import Entry, as_float, entry, known
from benchmarks.study.recipes import recipe

MOST_SEEDS = 1000


def distinct(values: list[Any]) -> list[Any]:
    """No value twice."""
    for i, value in enumerate(values):
        if value in values[:i]:
            raise ValueError(f"{getattr(value, 'label', value)!r} stands there twice")
    return values


def counted(value: Any) -> Any:
    """`3` means 0, 1, 2."""
    if isinstance(value, int) and not isinstance(value, bool):
        if not 1 <= value <= MOST_SEEDS:
            allowed = f"a positive number, or a list of seeds, of {MOST_SEEDS} at most"
            raise ValueError(f"{shown(value)} seeds; allowed: {allowed}")
        return list(range(value))
    return value


def not_published(name: str) -> str:
    """Published studies are beside those that run here."""
    if name == "published":
        raise ValueError("'published' is the folder of the published studies; allowed: any other name")
    return name


def settings(value: dict[str, Any]) -> dict[str, Any]:
    """Some settings of a recipe, each one that can train. YAML reads 1e-4, without a point, as text."""
    floats = [name for name, field in Recipe.model_fields.items() if field.annotation is float]
    value = {name: as_float(one) if name in floats else one for name, one in value.items()}
    try:
        recipe("", "", value)
    except ValidationError as error:
        raise ValueError(fault(dict(error.errors()[0]), Recipe.model_fields)) from None
    return value


SOME = (Field(min_length=1), AfterValidator(distinct))
Name = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=100), AfterValidator(not_published)
]
Datasets = Annotated[list[Annotated[str, known("dataset")]], *SOME]
Networks = Annotated[list[Annotated[str, known("network")]], *SOME]
Methods = Annotated[list[Annotated[Entry, BeforeValidator(entry)]], *SOME]
Targets = Annotated[list[Spelled], *SOME]
Only = dict[str, Annotated[list[str], *SOME]]
Seed = Annotated[int, Field(strict=True, ge=0, lt=2**31)]
Seeds = Annotated[list[Seed], Field(max_length=MOST_SEEDS), *SOME, BeforeValidator(counted)]
Epochs = Annotated[int, Field(strict=True, gt=0, le=1_000_000)]
PretrainEpochs = Annotated[int, Field(strict=True, ge=0, le=1_000_000)]
Settings = Annotated[dict[str, Any], AfterValidator(settings)]
