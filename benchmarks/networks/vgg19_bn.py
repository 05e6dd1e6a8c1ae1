"""VGG-19 with batch norm for small images. Source: see _vgg.py, with form and published counts."""

from __future__ import annotations

from torch import nn

from benchmarks.networks import _vgg

STAGES = ((64,) * 2, (128,) * 2, (256,) * 4, (512,) * 4, (512,) * 4)


def build(channels: int, size: int, classes: int) -> nn.Module:
    """Any size of at least 8 pixels."""
    return _vgg.build(STAGES, channels, classes)
