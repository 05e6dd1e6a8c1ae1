"""One zip with a folder a class."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from tests.benchmarks.datasets.tiny import png, zipped


def make(module: ModuleType, raw: Path, patch: pytest.MonkeyPatch) -> None:
    files = {f"images/n{n}/{i}.png": png(10 * n + i, 100) for n in range(3) for i in range(6)}
    zipped(raw / module.ARCHIVE, files)
    for name, value in (("CLASSES", 3), ("TRAIN", 3), ("VALIDATION", 1), ("TEST", 2)):
        patch.setattr(module, name, value)
