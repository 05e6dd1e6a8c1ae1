"""LeNet-5 with ReLU and max pooling, as the pruning literature uses it.

Source: LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition", 1998: 6 and 16
maps of 5x5, then 120 and 84 units; fully connected between the maps. 61,706 parameters on 32x32 (or padded
28x28) grey images with 10 classes.
"""

from __future__ import annotations

from torch import nn


def build(channels: int, size: int, classes: int, width: int = 1) -> nn.Module:
    """The first layer pads 28x28 to 32x32 as the paper does; smaller images keep their size in both layers."""
    first = 0 if size >= 32 else 2
    pooled = (size + 2 * first - 4) // 2
    second = 0 if pooled >= 14 else 2
    side = (pooled + 2 * second - 4) // 2
    return nn.Sequential(
        nn.Conv2d(channels, 6 * width, 5, padding=first),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6 * width, 16 * width, 5, padding=second),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(16 * width * side * side, 120 * width),
        nn.ReLU(),
        nn.Linear(120 * width, 84 * width),
        nn.ReLU(),
        nn.Linear(84 * width, classes),
    )
