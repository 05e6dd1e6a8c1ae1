"""The target of a cell: what a method is asked to reach. No other module knows how a target is spelled.

macs=0.5            keep this fraction of the dense network's MACs
free                the method chooses its own size
match:switcher      keep the MACs that this method kept on the same dataset, network and seed
from:lenet5         begin with what the source method learned on this network;
from:lenet5+resnet8 on these networks, one after the other
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer
from pydantic_core import PydanticKnownError

SPELLED = {"macs": "macs=<fraction> or match:<method>", "free": "free", "from": "from:<network>"}
"""What stands in a method's TARGETS -> the targets that it can then take."""

_SPELLING = re.compile(r"(free)|(match|from):(.+)|(macs)=(0\.[0-9]{0,5}[1-9])")


@dataclass(frozen=True, repr=False)
class Target:
    """A target; `str` gives its spelling."""

    kind: str  # macs, free, match, from
    value: str = ""

    @classmethod
    def parse(cls, text: str) -> Target:
        """Raises ValueError, with what is allowed, for any other spelling."""
        if (found := _SPELLING.fullmatch(text)) is None:
            allowed = "macs=<fraction, like 0.5>, free, match:<method>, from:<network>"
            raise ValueError(f"unknown target {text[:100]!r}; allowed: {allowed}")
        kind, *value = filter(None, found.groups())
        return cls(kind, *value)

    @classmethod
    def match(cls, label: str) -> Target:
        return cls("match", label)

    @classmethod
    def source(cls, *networks: str) -> Target:
        return cls("from", "+".join(networks))

    def __str__(self) -> str:
        return self.kind + {"macs": "=", "free": ""}.get(self.kind, ":") + self.value

    def __repr__(self) -> str:
        return repr(str(self))

    @property
    def asks(self) -> str:
        """What must stand in the TARGETS of a method that can take it."""
        return "macs" if self.kind == "match" else self.kind

    @property
    def fraction(self) -> float | None:
        """The fraction of the dense MACs to keep, where the target itself says it."""
        return float(self.value) if self.kind == "macs" else None

    @property
    def matched(self) -> str | None:
        """The label of the method whose MACs are kept."""
        return self.value if self.kind == "match" else None

    @property
    def sources(self) -> tuple[str, ...]:
        """The networks on which the source method has learned, in order."""
        return tuple(self.value.split("+")) if self.kind == "from" else ()


FREE = Target("free")


def _read(value: Any) -> Target:
    if isinstance(value, Target):
        return value
    if not isinstance(value, str):
        raise PydanticKnownError("string_type")
    return Target.parse(value)


Spelled = Annotated[Target, BeforeValidator(_read), PlainSerializer(str)]
"""A target that a config or a JSON file spells."""


def is_constrained(text: str) -> bool:
    """Whether this target, as a row spells it, sets the MACs to keep."""
    return Target.parse(text).asks == "macs"


def cell_folder(label: str, target: Target | str) -> str:
    """The folder of a cell: the method's label and its target."""
    return f"{label}@{target}"
