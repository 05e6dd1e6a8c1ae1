"""ResNet-110 for small images; see _cifar_resnet.py for source and form."""

from __future__ import annotations

from torch import nn

from benchmarks.networks import _cifar_resnet


def build(channels: int, size: int, classes: int) -> nn.Module:
    """Any size of at least 4 pixels."""
    return _cifar_resnet.build(18, channels, classes)
