"""The machine that trains and measures."""

from __future__ import annotations

import ctypes
import logging
import os
import platform
import re
import warnings
from functools import cache
from pathlib import Path

import torch
from torch import nn

log = logging.getLogger(__name__)
NO_MEMORY = (  # what torch says where it has no class of error for it
    "not enough memory",
    "can't allocate memory",
    "CUDA error: out of memory",
    "CUDNN_STATUS_ALLOC_FAILED",
    "CUBLAS_STATUS_ALLOC_FAILED",
)
AMPERE = (8, 0)  # the first compute capability of CUDA with bfloat16
BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16"}  # of a CPU
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h


def choose(threads: int) -> torch.device:
    """The GPU where there is one; on the CPU a fixed number of threads, at which results are bit-identical."""
    torch.set_num_threads(threads)
    _keep_freed_memory()
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False  # float32 is float32
    if reason := unusable_gpu():
        log.warning("training on the CPU, as the GPU cannot be used: %s", reason)
    if not torch.cuda.is_available():
        return torch.device("cpu")
    _repeatable()
    return torch.device("cuda")


def _repeatable() -> None:
    """The same bits in every run on the same GPU, by deterministic kernels; where torch has none it warns."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when CUDA starts
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # nothing reads it
    torch.backends.cudnn.benchmark = False  # it picks algorithms by time


@cache
def unusable_gpu() -> str:
    """Why a GPU that is here cannot be used, such as a driver that is too old; empty if there is no such reason.

    torch says so in a warning alone.
    """
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        usable = torch.cuda.is_available()
    return "" if usable or not said else str(said[0].message)


def _keep_freed_memory() -> None:
    """Else glibc hands a step's activations back and faults them in again at the next: a quarter of LeNet-5's step."""
    if platform.libc_ver()[0] == "glibc":
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_MMAP_THRESHOLD, 1 << 30)
        mallopt(M_TRIM_THRESHOLD, (1 << 31) - 1)


def describe(device: torch.device) -> str:
    """The device's name, as it stands in the row."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    cpuinfo = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*: (.*)", cpuinfo.read_text()) if cpuinfo.exists() else None
    name = found[1] if found else platform.processor() or platform.machine()
    return f"{name} (GPU not usable)" if unusable_gpu() else name


def precision(asked: str, device: torch.device) -> str:
    """What `auto` means there: bfloat16 where the device computes in it, float32 where it would convert."""
    if asked != "auto":
        return asked
    if device.type == "cuda":
        native = torch.cuda.get_device_capability(device) >= AMPERE
    else:
        cpuinfo = Path("/proc/cpuinfo")
        native = cpuinfo.exists() and not BFLOAT16_FLAGS.isdisjoint(cpuinfo.read_text().split())
    return "bfloat16" if native else "float32"


def out_of_memory(error: Exception) -> bool:
    """Whether that is what the error says."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(words in str(error) for words in NO_MEMORY)


def channels_last(net: nn.Module) -> nn.Module:
    """The same network with its 4-dimensional weights in the layout in which convolutions are fastest."""
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def overruns(module: nn.Module) -> bool:
    """Whether the gradient of its weight overruns a buffer on the CPU with channels last: wrong numbers, or a crash.

    So it is for 1x1 convolutions with a stride and fewer input channels than a vector register holds (oneDNN issue
    6035).
    """
    vector = 8 if torch.backends.cpu.get_cpu_capability() == "AVX2" else 16
    if not isinstance(module, nn.Conv2d) or module.kernel_size != (1, 1) or module.groups > 1:
        return False
    return max(module.stride) > 1 and module.in_channels < vector
