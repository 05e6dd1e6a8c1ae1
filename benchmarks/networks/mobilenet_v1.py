"""MobileNet: depthwise 3x3 convolutions, each followed by a 1x1.

Source: Howard, Zhu, Chen, Kalenichenko, Wang, Weyand, Andreetto and Adam, "MobileNets: efficient convolutional neural
networks for mobile vision applications", arXiv 1704.04861, table 1. Published (table 8): 4.2 M parameters and 569 M
MACs at 224x224 with 1000 classes.
Table 1 gives the last depthwise convolution a stride of 2 on maps that stay 7x7: we read 1, as everybody does.
We deviate below 64 pixels, as is usual on CIFAR: the first convolution has stride 1.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

SMALL = 64  # pixels; smaller images keep their size in the stem
OUTPUTS = (64, 128, 128, 256, 256, *(512,) * 6, 1024, 1024)
HALVES = (1, 3, 5, 11)  # separable convolutions with stride 2


def build(channels: int, size: int, classes: int) -> nn.Module:
    """Any size of at least 8 pixels."""
    layers = {"stem": _layer(channels, 32, 3, stride=1 if size < SMALL else 2)}
    inputs = 32
    for i, outputs in enumerate(OUTPUTS):
        layers[f"depthwise{i + 1}"] = _layer(inputs, inputs, 3, stride=2 if i in HALVES else 1, groups=inputs)
        layers[f"pointwise{i + 1}"] = _layer(inputs, outputs, 1)
        inputs = outputs
    end = {"pool": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten(), "fc": nn.Linear(inputs, classes)}
    return nn.Sequential(OrderedDict(layers | end))


def _layer(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Module:
    conv = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU())
