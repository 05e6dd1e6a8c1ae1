"""The experiment: a config file becomes a validated table of cells.

Nothing here imports torch: planning is done at every start of Snakemake.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from benchmarks import registry
from benchmarks.study.cell import Cell, taken_from
from benchmarks.study.method import Entry, entry, known, shown

MOST_SEEDS, LONGEST = 1000, 200
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=100)]
Epochs = Field(strict=True, le=1_000_000)


def target(value: str) -> str:
    """`macs=<fraction>`, `free`, `match:<method>`, or `from:` a network, or several with `+` between them."""
    if not re.fullmatch(r"free|match:.+|from:.+|macs=0\.[0-9]{0,5}[1-9]", value):
        allowed = "macs=<fraction, like 0.5>, free, match:<method>, from:<network>"
        raise ValueError(f"unknown target {shown(value)}; allowed: {allowed}")
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
        if not 1 <= value <= MOST_SEEDS:
            allowed = f"a positive number, or a list of seeds, of {MOST_SEEDS} at most"
            raise ValueError(f"{shown(value)} seeds; allowed: {allowed}")
        return list(range(value))
    return value


Networks = Annotated[list[Annotated[str, known("network")]], Field(min_length=1), AfterValidator(distinct)]


class Own(BaseModel):
    """What holds on one dataset in place of what the study says for all."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    networks: Networks | None = None
    epochs: Annotated[int, Epochs, Field(gt=0)] | None = None
    pretrain_epochs: Annotated[int, Epochs, Field(ge=0)] | None = None


class Study(BaseModel):
    """The config file. Each key's comment in config/README.md says when it matters."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    study: Name
    datasets: Annotated[list[Annotated[str, known("dataset")]], Field(min_length=1), AfterValidator(distinct)]
    networks: Networks
    methods: Annotated[list[Annotated[Entry, BeforeValidator(entry)]], Field(min_length=1), AfterValidator(distinct)]
    targets: Annotated[list[Annotated[str, AfterValidator(target)]], Field(min_length=1), AfterValidator(distinct)]
    seeds: Annotated[
        list[Annotated[int, Field(strict=True, ge=0, lt=2**31)]],
        Field(min_length=1, max_length=MOST_SEEDS),
        BeforeValidator(counted),
        AfterValidator(distinct),
    ]
    epochs: Annotated[int, Epochs, Field(gt=0)]
    pretrain_epochs: Annotated[int, Epochs, Field(ge=0)] = 0
    retrain: Literal["inherit", "scratch"] = "inherit"
    schedule: Literal["continue", "restart"] = "continue"
    precision: Literal["float32", "bfloat16"] = "float32"
    align: Annotated[int, Field(strict=True, gt=0)] = 1
    where: dict[str, Own] = {}

    @model_validator(mode="after")
    def check(self) -> Study:
        for dataset, own in self.where.items():
            if dataset not in self.datasets:
                allowed = ", ".join(self.datasets)
                raise ValueError(f"where: {shown(dataset)} is no dataset of the study; allowed: {allowed}")
            for network in own.networks or []:
                if network not in self.networks:
                    allowed = ", ".join(self.networks)
                    raise ValueError(f"where.{dataset}: {network!r} is no network of the study; allowed: {allowed}")
        for there, place in [(self, ""), *((self.on(dataset), f"where.{dataset}: ") for dataset in self.where)]:
            if there.pretrain_epochs >= there.epochs:
                told = f"{place}pretrain_epochs is {there.pretrain_epochs}"
                raise ValueError(f"{told}; allowed: less than epochs ({there.epochs})")
        free = [e.label for e in self.methods if "free" in registry.card(e.key).targets]
        for matched in self.matched():
            if matched not in free:
                allowed = ", ".join(f"match:{label}" for label in free) or "none in this study"
                raise ValueError(
                    f"targets: {shown(f'match:{matched}')} matches no method of the study; allowed: {allowed}"
                )
        self._check_ways()
        for one in self.methods:
            takes = registry.card(one.key).targets
            for told in self.targets_of(one):
                if len(folder := f"{one.label}@{told}") > LONGEST:
                    raise ValueError(f"methods: {shown(folder)} is the name of a folder; allowed: {LONGEST} characters")
            if not self.targets_of(one):
                needs = "macs=<fraction> or match:<method>" if "macs" in takes else "from:<network>"
                raise ValueError(f"methods: {one.key} needs a target {needs}")
            ways = self.ways() if "from" in takes else []
            needed = {taken_from(one.key, way.rpartition("+")[0]).label for way in ways}
            if missing := needed - {there.label for there in self.methods}:
                raise ValueError(f"methods: {one.key} takes over from {min(missing)}, which must be there too")
        return self

    def _check_ways(self) -> None:
        """Each network is one of every dataset, and each learner has been where it is said to have been before."""
        everywhere = [n for n in self.networks if all(n in self.on(dataset).networks for dataset in self.datasets)]
        ways = self.ways()
        for way in ways:
            before, _, last = way.rpartition("+")
            if last not in everywhere:
                allowed = ", ".join(f"from:{network}" for network in everywhere) or "none"
                raise ValueError(
                    f"targets: {shown(f'from:{last}')} is no network that all datasets of the study have; "
                    f"allowed: {allowed}"
                )
            if before and before not in ways:
                raise ValueError(
                    f"targets: {shown(f'from:{way}')} goes on from {shown(f'from:{before}')}, which must be there too"
                )

    def ways(self) -> list[str]:
        """The networks that learners are taken over from, those of one learner with + between them."""
        return [told.removeprefix("from:") for told in self.targets if told.startswith("from:")]

    def matched(self) -> list[str]:
        """The methods whose size others are to match."""
        return [t.removeprefix("match:") for t in self.targets if t.startswith("match:")]

    def targets_of(self, one: Entry) -> list[str]:
        """The study's targets that a method can take. One that decides for itself always runs at `free` if the
        study has no other target for it, or if it is to be matched."""
        kinds = registry.card(one.key).targets
        if "from" in kinds:
            return [t for t in self.targets if t.startswith("from:")]
        sizes = [t for t in self.targets if t.startswith(("macs=", "match:")) and t != f"match:{one.label}"]
        told = sizes if "macs" in kinds else []
        wants_free = "free" in self.targets or one.label in self.matched() or not told
        return told + (["free"] if "free" in kinds and wants_free else [])

    def on(self, dataset: str) -> Study:
        """The study as it is on this dataset."""
        own = self.where.get(dataset, Own()).model_dump(exclude_none=True)
        return self.model_copy(update=own | {"datasets": [dataset]})

    def pairs(self) -> list[tuple[str, str]]:
        """Dataset and network, in the order of the config."""
        return [(dataset, network) for dataset in self.datasets for network in self.on(dataset).networks]

    def cells(self) -> Iterator[Cell]:
        """The grid, in the order of the config."""
        for dataset, network in self.pairs():
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
    names = [part if isinstance(part, int) or re.fullmatch(r"\w{1,50}", part) else shown(part) for part in location]
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in names)
    return f"{text.lstrip('.')}: " if text else ""


def _fault(error: dict[str, Any]) -> str:
    if error["type"] == "extra_forbidden":
        fields = Own.model_fields if error["loc"][0] == "where" else Study.model_fields
        return f"unknown key; allowed: {', '.join(fields)}"
    message = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] in ("value_error", "missing"):
        return message
    value = error["input"]
    written = json.dumps(value) if isinstance(value, str | bool | int | float | None) else shown(value)
    return f"{message}, not {written[:100]}"
