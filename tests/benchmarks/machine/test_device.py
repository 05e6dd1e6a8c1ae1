"""A GPU that cannot be used is said, in the log and in the row."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator

import pytest
import torch

from benchmarks.machine import device

OLD = "CUDA initialization: The NVIDIA driver on your system is too old (found version 12020)."


@pytest.fixture(autouse=True)
def asked_anew() -> Iterator[None]:
    device.unusable_gpu.cache_clear()
    yield
    device.unusable_gpu.cache_clear()


def test_a_driver_that_is_too_old_is_said(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def is_available() -> bool:
        warnings.warn(OLD, stacklevel=2)
        return False

    monkeypatch.setattr(torch.cuda, "is_available", is_available)
    with caplog.at_level(logging.WARNING):
        cpu = device.choose(1)
    assert cpu.type == "cpu" and OLD in caplog.text
    assert device.describe(cpu).endswith(" (GPU not usable)")


def test_where_there_is_no_gpu_nothing_is_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device.choose(1).type == "cpu" and not caplog.text
    assert "GPU" not in device.describe(torch.device("cpu"))
