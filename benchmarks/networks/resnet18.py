"""ResNet-18, the form for photographs. Source: see _resnet.py, with form and published counts."""

from __future__ import annotations

from torch import nn

from benchmarks.networks import _resnet


def build(channels: int, size: int, classes: int) -> nn.Module:
    """Any size of at least 8 pixels."""
    return _resnet.build(18, channels, size, classes)
