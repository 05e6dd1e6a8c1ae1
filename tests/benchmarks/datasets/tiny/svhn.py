"""MATLAB files."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from tests.benchmarks.datasets.tiny import pin, pixels


def make(module: ModuleType, raw: Path, patch: pytest.MonkeyPatch) -> None:
    from scipy.io import savemat

    for seed, name in enumerate(module.SHA256):
        labels = np.arange(20, dtype=np.uint8)[:, None] % 10 + 1  # 1 to 10; 10 is the digit 0
        savemat(raw / name, {"X": pixels(32, 32, 3, 20, seed=seed), "y": labels})
    patch.setattr(module, "VALIDATION", 10)
    pin(module, raw, patch)
