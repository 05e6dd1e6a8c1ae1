"""LeNet-5 with twice the maps and units, a control: is a wide network that was pruned better than the paper's own?

Source: see _lenet.py, with the form. Nothing is published of it; it has 244,362 parameters on 32x32 grey images with
10 classes.
"""

from __future__ import annotations

from torch import nn

from benchmarks.networks import _lenet


def build(channels: int, size: int, classes: int) -> nn.Module:
    """Any size of at least 8 pixels."""
    return _lenet.build(2, channels, size, classes)
