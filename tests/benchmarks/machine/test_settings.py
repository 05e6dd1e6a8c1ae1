"""What is set before training: float32 is float32, and a GPU uses deterministic kernels."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

from benchmarks import measure
from benchmarks.machine import device


@pytest.fixture(autouse=True)
def as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    monkeypatch.setattr(device, "unusable_gpu", lambda: "")
    cudnn, fill = torch.backends.cudnn, torch.utils.deterministic
    settings = cudnn.allow_tf32, cudnn.benchmark, fill.fill_uninitialized_memory
    yield
    cudnn.allow_tf32, cudnn.benchmark, fill.fill_uninitialized_memory = settings
    torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize("gpu", [True, False])
def test_float32_is_float32(gpu: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """TF32 has 10 bits of mantissa: pruned and gated logits would differ by more than 1e-4."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    torch.backends.cudnn.allow_tf32 = True
    assert device.choose(torch.get_num_threads()).type == ("cuda" if gpu else "cpu")
    assert not torch.backends.cudnn.allow_tf32 and not torch.backends.cuda.matmul.allow_tf32


def test_a_gpu_uses_deterministic_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    torch.backends.cudnn.benchmark = True
    device.choose(torch.get_num_threads())
    assert torch.are_deterministic_algorithms_enabled() and torch.is_deterministic_algorithms_warn_only_enabled()
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8" and not torch.backends.cudnn.benchmark


def test_the_cpu_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    device.choose(torch.get_num_threads())
    assert not torch.are_deterministic_algorithms_enabled() and "CUBLAS_WORKSPACE_CONFIG" not in os.environ


@pytest.mark.parametrize(
    ("flags", "expected"),
    [("fpu avx512_bf16 sse", "bfloat16"), ("fpu amx_bf16", "bfloat16"), ("fpu avx512f", "float32")],
)
def test_auto_is_bfloat16_where_the_cpu_computes_in_it(
    flags: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "exists", lambda path: True)
    monkeypatch.setattr(Path, "read_text", lambda path: f"model name : A\nflags : {flags}\n")
    assert device.precision("auto", torch.device("cpu")) == expected
    assert [device.precision(asked, torch.device("cpu")) for asked in ("float32", "bfloat16")] == [
        "float32",
        "bfloat16",
    ]


@pytest.mark.parametrize(("capability", "expected"), [((7, 5), "float32"), ((8, 0), "bfloat16"), ((9, 0), "bfloat16")])
def test_auto_is_bfloat16_on_a_gpu_that_computes_in_it(
    capability: tuple[int, int], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert device.precision("auto", torch.device("cuda")) == expected


def test_peak_memory_is_that_of_the_network_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 100 MiB there are before: the network's 4 and the batch's 2 count, and 10 that the forward pass allocates."""
    mb = 2**20
    net, images = nn.Linear(1024, 1024, bias=False), torch.zeros(512, 1024)
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda: None)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda: 100 * mb)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: 110 * mb)
    assert measure._peak_mb(net, images) == 4 + 2 + 10
