"""The data folder of one dataset, with tiny files of the published form in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from benchmarks import registry
from tests.benchmarks.datasets import tiny


@pytest.fixture
def raw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data folder of one dataset. There is no network, and one core decodes."""

    def unreachable(*_: object, **__: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr("torchvision.datasets.utils.download_url", unreachable)
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    (tmp_path / "raw").mkdir()
    return tmp_path / "raw"


@pytest.fixture
def made(raw: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """A dataset's module, its tiny files in `raw`."""

    def make(key: str) -> ModuleType:
        module = registry.load("dataset", key)
        if not tiny.make(key, module, raw, monkeypatch):
            try:
                module.read(raw)
            except ValueError as error:
                pytest.skip(f"tests/benchmarks/datasets/tiny/{key}.py could write tiny files of its form: {error}")
        return module

    return make
