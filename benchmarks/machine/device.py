"""The machine that trains and measures."""

from __future__ import annotations

import ctypes
import platform
import re
from pathlib import Path

import torch
from torch import nn

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h


def choose(threads: int) -> torch.device:
    """The GPU where there is one; on the CPU a fixed number of threads, at which results are bit-identical."""
    torch.set_num_threads(threads)
    _keep_freed_memory()
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


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
    return found[1] if found else platform.processor() or platform.machine()


def out_of_memory(error: Exception) -> bool:
    """Whether that is what the error says. On the CPU torch says so in words alone."""
    known = isinstance(error, MemoryError | torch.OutOfMemoryError)
    return known or any(words in str(error) for words in ("not enough memory", "can't allocate memory"))


def channels_last(net: nn.Module) -> nn.Module:
    """The same network with its 4-dimensional weights in the layout in which convolutions are fastest."""
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
