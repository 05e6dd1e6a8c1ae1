"""The experiment: a config file becomes a validated table of cells.

Nothing here imports torch: planning is done at every start of Snakemake.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from benchmarks import registry

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]


def known(kind: str) -> AfterValidator:
    """The value is the key of a file."""

    def check(value: str) -> str:
        if value not in registry.keys(kind):
            raise ValueError(f"unknown {kind} {value!r}; allowed: {', '.join(registry.keys(kind))}")
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
        return {knob: _float(value) if types.get(knob) == "float" else value for knob, value in knobs.items()}

    @field_validator("knobs")
    @classmethod
    def drop_defaults(cls, knobs: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        """A knob that is set to its default makes no other cell."""
        defaults = registry.card(info.data["key"]).knobs if "key" in info.data else {}
        return {knob: value for knob, value in knobs.items() if knob not in defaults or value != defaults[knob]}

    @model_validator(mode="after")
    def check_knobs(self) -> Entry:
        card = registry.card(self.key)
        for knob, value in self.knobs.items():
            if knob not in card.knobs:
                raise ValueError(f"{self.key} has no knob {knob!r}; allowed: {', '.join(card.knobs) or 'none'}")
            if not registry.fits(card, knob, value):
                allowed = ", ".join(map(repr, card.choices.get(knob, ()))) or card.types[knob]
                raise ValueError(f"{self.key}'s knob {knob} is {value!r}; allowed: {allowed}")
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
    raise ValueError(f"{value!r} is neither a method nor a method with its knobs, like {{slimming: {{penalty: 1e-4}}}}")


def _float(value: Any) -> Any:
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def target(value: str) -> str:
    """`macs=<fraction>`, `free` or `match:<method>`."""
    if not re.fullmatch(r"free|match:.+|macs=0\.\d*[1-9]", value):
        raise ValueError(f"unknown target {value!r}; allowed: macs=<fraction, like 0.5>, free, match:<method>")
    return value


def distinct(values: list[Any]) -> list[Any]:
    """No value twice."""
    for i, value in enumerate(values):
        if value in values[:i]:
            raise ValueError(f"{getattr(value, 'label', value)!r} stands there twice")
    return values


def counted(value: Any) -> Any:
    """`3` means 0, 1, 2."""
    if isinstance(value, int) and not isinstance(value, bool):
        if value < 1:
            raise ValueError(f"{value} seeds; allowed: a positive number, or a list of seeds")
        return list(range(value))
    return value


@dataclass(frozen=True)
class Cell:
    """One job of the grid: every seed of a method at a target, on a dataset and a network."""

    dataset: str
    network: str
    entry: Entry
    target: str

    @property
    def folder(self) -> str:
        return f"{self.entry.label}@{self.target}"

    @property
    def reference(self) -> str | None:
        """The cell whose MACs this one matches."""
        return f"{self.target.removeprefix('match:')}@free" if self.target.startswith("match:") else None


class Study(BaseModel):
    """The config file. Each key's comment in config/README.md says when it matters."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    study: Name
    datasets: Annotated[list[Annotated[str, known("dataset")]], Field(min_length=1), AfterValidator(distinct)]
    networks: Annotated[list[Annotated[str, known("network")]], Field(min_length=1), AfterValidator(distinct)]
    methods: Annotated[list[Annotated[Entry, BeforeValidator(entry)]], Field(min_length=1), AfterValidator(distinct)]
    targets: Annotated[list[Annotated[str, AfterValidator(target)]], Field(min_length=1), AfterValidator(distinct)]
    seeds: Annotated[
        list[Annotated[int, Field(strict=True, ge=0)]],
        Field(min_length=1),
        BeforeValidator(counted),
        AfterValidator(distinct),
    ]
    epochs: Annotated[int, Field(strict=True, gt=0)]
    pretrain_epochs: Annotated[int, Field(strict=True, ge=0)] = 0
    retrain: Literal["inherit", "scratch"] = "inherit"
    schedule: Literal["continue", "restart"] = "continue"
    precision: Literal["float32", "bfloat16"] = "float32"

    @model_validator(mode="after")
    def check(self) -> Study:
        if self.pretrain_epochs >= self.epochs:
            raise ValueError(f"pretrain_epochs is {self.pretrain_epochs}; allowed: less than epochs ({self.epochs})")
        free = [e.label for e in self.methods if "free" in registry.card(e.key).targets]
        for matched in self.matched():
            if matched not in free:
                allowed = ", ".join(f"match:{label}" for label in free) or "none in this study"
                raise ValueError(f"targets: 'match:{matched}' matches no method of the study; allowed: {allowed}")
        for one in self.methods:
            if not self.targets_of(one):
                raise ValueError(f"methods: {one.key} needs a target macs=<fraction> or match:<method>")
        return self

    def matched(self) -> list[str]:
        """The methods whose size others are to match."""
        return [t.removeprefix("match:") for t in self.targets if t.startswith("match:")]

    def targets_of(self, one: Entry) -> list[str]:
        """The study's targets that a method can take. One that decides for itself always runs at `free` if the
        study has no other target for it, or if it is to be matched."""
        kinds = registry.card(one.key).targets
        told = [t for t in self.targets if t != "free" and t != f"match:{one.label}"] if "macs" in kinds else []
        wants_free = "free" in self.targets or one.label in self.matched() or not told
        return told + (["free"] if "free" in kinds and wants_free else [])

    def cells(self) -> Iterator[Cell]:
        """The grid, in the order of the config."""
        for dataset in self.datasets:
            for network in self.networks:
                for one in self.methods:
                    for told in self.targets_of(one):
                        yield Cell(dataset, network, one, told)


def parse(config: Mapping[str, Any], source: str) -> Study:
    """Validate a config. Raises ValueError: one message with every fault, its place and what is allowed."""
    try:
        return Study.model_validate(dict(config))
    except ValidationError as error:
        faults = "\n".join(f"  {_place(e['loc'])}{_fault(dict(e))}" for e in error.errors())
        raise ValueError(f"{source}:\n{faults}") from None


def _place(location: tuple[int | str, ...]) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return f"{text.lstrip('.')}: " if text else ""


def _fault(error: dict[str, Any]) -> str:
    if error["type"] == "extra_forbidden":
        return f"unknown key; allowed: {', '.join(Study.model_fields)}"
    message = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] in ("value_error", "missing"):
        return message
    return f"{message}, not {json.dumps(error['input'], default=str)}"
