"""LeNet-5 with ReLU and max pooling, as the pruning literature uses it.

Source: LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition", 1998: 6 and 16
maps of 5x5, then 120 and 84 units; fully connected between the maps. 61,706 parameters on 32x32 (or padded
28x28) grey images with 10 classes.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import nn


def build(channels: int, size: int, classes: int) -> nn.Module:
    """The first layer pads 28x28 to 32x32 as the paper does; smaller images keep their size in both layers."""
    first = 0 if size >= 32 else 2
    pooled = (size + 2 * first - 4) // 2
    second = 0 if pooled >= 14 else 2
    side = (pooled + 2 * second - 4) // 2
    layers: dict[str, nn.Module] = {
        "conv1": nn.Conv2d(channels, 6, 5, padding=first),
        "relu1": nn.ReLU(),
        "pool1": nn.MaxPool2d(2),
        "conv2": nn.Conv2d(6, 16, 5, padding=second),
        "relu2": nn.ReLU(),
        "pool2": nn.MaxPool2d(2),
        "flatten": nn.Flatten(),
        "fc1": nn.Linear(16 * side * side, 120),
        "relu3": nn.ReLU(),
        "fc2": nn.Linear(120, 84),
        "relu4": nn.ReLU(),
        "fc3": nn.Linear(84, classes),
    }
    return nn.Sequential(OrderedDict(layers))
