"""LeNet-5 with ReLU and max pooling, as the pruning literature uses it, at any width.

Source: LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition", 1998: 6 and 16
maps of 5x5, then 120 and 84 units. 61,706 parameters and 416,520 MACs on 32x32 (or padded 28x28) grey images with
10 classes. We deviate: fully connected between the maps (the paper connects each second map to some of the
first: 60,000 trainable parameters in all), no trainable subsampling, a linear output layer.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import nn


def build(width: int, channels: int, size: int, classes: int) -> nn.Module:
    """`width` times the paper's maps and units. The first layer pads 28x28 to 32x32 as the paper does; smaller images
    keep their size in both layers."""
    first = 0 if size >= 32 else 2
    pooled = (size + 2 * first - 4) // 2
    second = 0 if pooled >= 14 else 2
    side = (pooled + 2 * second - 4) // 2
    layers: dict[str, nn.Module] = {
        "conv1": nn.Conv2d(channels, 6 * width, 5, padding=first),
        "relu1": nn.ReLU(),
        "pool1": nn.MaxPool2d(2),
        "conv2": nn.Conv2d(6 * width, 16 * width, 5, padding=second),
        "relu2": nn.ReLU(),
        "pool2": nn.MaxPool2d(2),
        "flatten": nn.Flatten(),
        "fc1": nn.Linear(16 * width * side * side, 120 * width),
        "relu3": nn.ReLU(),
        "fc2": nn.Linear(120 * width, 84 * width),
        "relu4": nn.ReLU(),
        "fc3": nn.Linear(84 * width, classes),
    }
    return nn.Sequential(OrderedDict(layers))
