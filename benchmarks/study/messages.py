"""How a fault in a config is worded: its place, its value and what is allowed."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Any


def shown(value: Any) -> str:
    """The value in a message: on one line, as Python writes it, and cut short where it is long or deep."""
    from rich.pretty import pretty_repr  # only where there is something to say

    return pretty_repr(value, max_width=10**6, max_length=3, max_string=100, max_depth=3)[:300]


def fault(error: dict[str, Any], fields: Collection[str]) -> str:
    """One line for an error of pydantic. fields: the keys that are allowed at its place."""
    return f"{_place(error['loc'])}{_reason(error, fields)}"


def _place(location: tuple[int | str, ...]) -> str:
    names = [part if isinstance(part, int) or re.fullmatch(r"\w{1,50}", part) else shown(part) for part in location]
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in names)
    return f"{text.lstrip('.')}: " if text else ""


def _reason(error: dict[str, Any], fields: Collection[str]) -> str:
    if error["type"] == "extra_forbidden":
        return f"unknown key; allowed: {', '.join(fields)}"
    message = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] in ("value_error", "missing"):
        return message
    value = error["input"]
    written = json.dumps(value) if isinstance(value, str | bool | int | float | None) else shown(value)
    return f"{message}, not {written[:100]}"
