"""The four IDX files of the MNIST family."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from benchmarks.datasets import _idx
from tests.benchmarks.datasets.tiny import idx, pin, pixels


def make(module: ModuleType, raw: Path, patch: pytest.MonkeyPatch) -> None:
    """Labels 0, 1, ... of 3 for training and as many for the test."""
    folder = raw.with_name("fashion_mnist") if hasattr(module, "fashion_mnist") else raw
    of = getattr(module, "fashion_mnist", module)
    folder.mkdir(exist_ok=True)
    labels = np.arange(3 * 10, dtype=np.uint8) % 10
    blobs = [idx(pixels(30, 28, 28)), idx(labels), idx(pixels(30, 28, 28, seed=1)), idx(labels)]
    for name, blob in zip(of.SHA256, blobs, strict=True):
        (folder / name).write_bytes(blob)
    patch.setattr(_idx, "VALIDATION", 10)
    patch.setattr(of, "SYSTEM", raw / "none", raising=False)
    pin(of, folder, patch)
