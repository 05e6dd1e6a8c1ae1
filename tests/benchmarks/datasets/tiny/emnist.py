"""IDX files in one zip."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from tests.benchmarks.datasets.tiny import idx, pin, pixels, zipped


def make(module: ModuleType, raw: Path, patch: pytest.MonkeyPatch) -> None:
    labels = np.arange(2 * 47, dtype=np.uint8) % 47
    blobs = [idx(pixels(94, 28, 28)), idx(labels), idx(pixels(47, 28, 28, seed=1)), idx(labels[:47])]
    zipped(raw / "gzip.zip", dict(zip(module.NAMES, blobs, strict=True)))
    patch.setattr(module, "VALIDATION", 47)
    pin(module, raw, patch)
