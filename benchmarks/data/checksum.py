"""The sha256 of a prepared file, in a file of its own, and whether the prepared file still has it."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path


def sum_of(path: Path) -> Path:
    """The file with the sha256 of a prepared file."""
    return path.with_suffix(".sha256")


def recorded_sha256(path: Path) -> str:
    """Of a prepared file, when it was. Raises ValueError, naming the file beside it, if that says no sha256."""
    said = sum_of(path).read_text(errors="replace").split(maxsplit=1)
    if not said or not re.fullmatch("[0-9a-f]{64}", said[0]):
        raise ValueError(f"{sum_of(path)} must begin with the sha256 of {path.name}, 64 hex digits; delete both")
    return said[0]


def check_sha256(path: Path, expected: str) -> None:
    """Raises ValueError, naming file, expected and found sha256, if the file is not the expected one."""
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected:
        raise ValueError(
            f"{path} ({path.stat().st_size} bytes) is truncated or altered: "
            f"expected sha256 {expected}, found {found}; delete it to have it made or fetched again"
        )
