"""A method of a study as the config writes it: a key, or a key with its knobs."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    ValidationInfo,
    field_validator,
    model_validator,
)

from benchmarks import registry
from benchmarks.study.messages import shown


def known(kind: str) -> AfterValidator:
    """The value is the key of a file, which declares what its kind needs."""

    def check(value: str) -> str:
        if value not in registry.keys(kind):
            raise ValueError(f"unknown {kind} {shown(value)}; allowed: {', '.join(registry.keys(kind))}")
        registry.check(kind, value)
        return value

    return AfterValidator(check)


class Entry(BaseModel):
    """A method of the study: a key, or a key with its knobs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: Annotated[str, known("method")]
    knobs: dict[str, int | float | bool | str] = {}

    @field_validator("knobs")
    @classmethod
    def read_floats(cls, knobs: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        """YAML reads 1e-4, without a point, as text."""
        types = registry.card(info.data["key"]).types if "key" in info.data else {}
        return {knob: as_float(value) if types.get(knob) == "float" else value for knob, value in knobs.items()}

    @field_validator("knobs")
    @classmethod
    def drop_defaults(cls, knobs: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        """A knob that is set to its default makes no other cell, and neither does another order."""
        if "key" not in info.data:
            return knobs
        card = registry.card(info.data["key"])

        def default(knob: str) -> bool:
            # True == 1 == 1.0, but not each is a value of the knob's type.
            return knobs[knob] == card.knobs.get(knob) and registry.fits(card, knob, knobs[knob])

        ordered = sorted(knobs, key=lambda knob: [*card.knobs, knob].index(knob))
        return {knob: knobs[knob] for knob in ordered if not default(knob)}

    @model_validator(mode="after")
    def check_knobs(self) -> Entry:
        card = registry.card(self.key)
        for knob, value in self.knobs.items():
            if knob not in card.knobs:
                raise ValueError(f"{self.key} has no knob {shown(knob)}; allowed: {', '.join(card.knobs) or 'none'}")
            if not registry.fits(card, knob, value):
                allowed = registry.allowed(card, knob)
                raise ValueError(f"{self.key}'s knob {knob} is {shown(value)}; allowed: {allowed}")
        return self

    @property
    def label(self) -> str:
        """The key and what differs from its defaults, as it stands in tables and folders."""
        return ",".join([self.key, *(f"{knob}={value}" for knob, value in self.knobs.items())])


def entry(value: Any) -> Any:
    """`l1` or `{slimming: {penalty: 1e-4}}`."""
    if isinstance(value, str):
        return {"key": value}
    if isinstance(value, dict) and len(value) == 1 and isinstance(next(iter(value.values())), dict):
        ((key, knobs),) = value.items()
        return {"key": key, "knobs": knobs}
    like = "{slimming: {penalty: 1e-4}}"
    raise ValueError(f"{shown(value)} is neither a method nor a method with its knobs, like {like}")


def as_float(value: Any) -> Any:
    """The number that a text spells, such as 1e-4; any other value as it is."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value
