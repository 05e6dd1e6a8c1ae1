"""Folders."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from tests.benchmarks.datasets.tiny import png


def make(module: ModuleType, raw: Path, patch: pytest.MonkeyPatch) -> None:
    for part, count in (("train", 4), ("val", 1)):
        for n in range(3):
            (raw / part / f"n{n}").mkdir(parents=True)
            for i in range(count):
                (raw / part / f"n{n}" / f"{i}.JPEG").write_bytes(png(10 * n + i, 256))
    patch.delenv("IMAGENET", raising=False)
    patch.setattr(module, "CLASSES", 3)
    patch.setattr(module, "VALIDATION", 1)
