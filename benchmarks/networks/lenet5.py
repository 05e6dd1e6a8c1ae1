"""LeNet-5. Source: see _lenet.py, with the form."""

from __future__ import annotations

from torch import nn

from benchmarks.networks import _lenet


def build(channels: int, size: int, classes: int) -> nn.Module:
    """Any size of at least 8 pixels."""
    return _lenet.build(1, channels, size, classes)
