"""LeNet-5 with four times the maps and units: what changes as layers get wider, beside lenet5 and lenet5_wide?

Source: see _lenet.py, with the form. Nothing is published of it; it has 972,554 parameters on 32x32 grey images with
10 classes.
"""

from __future__ import annotations

from torch import nn

from benchmarks.networks import _lenet


def build(channels: int, size: int, classes: int) -> nn.Module:
    """Any size of at least 8 pixels."""
    return _lenet.build(4, channels, size, classes)
