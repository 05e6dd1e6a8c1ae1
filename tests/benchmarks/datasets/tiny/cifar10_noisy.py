"""The binary archive, for the dataset whose labels get noise."""

from pathlib import Path
from types import ModuleType

import pytest

from tests.benchmarks.datasets.tiny import _cifar


def make(module: ModuleType, raw: Path, patch: pytest.MonkeyPatch) -> None:
    _cifar.make(module.cifar10_small, raw, patch)
