"""VGG with batch norm for small images: convolutions of 3x3, max pooling between the stages, one linear layer.

Source: Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition", ICLR 2015,
configurations D (16 layers) and E (19). With norms and one linear classifier it is the form of the pruning literature
since Li et al., "Pruning filters for efficient ConvNets", ICLR 2017, and Liu et al., "Learning efficient
convolutional networks through network slimming", ICCV 2017.
Published for 32x32 and 10 classes: 16 layers 14.72 M parameters, 313 M MACs; 19 layers 20.04 M, 398 M. The other
convention for 16 layers keeps a hidden linear layer of 512 units (14.98 M parameters, 313.73 M MACs).
We deviate: convolutions in front of a norm have no bias; the mean over what is left of the image, 1x1 at 32x32,
is in front of the classifier; there is no dropout. Pooling rounds up, so that images from 8x8 never become empty.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from torch import nn


def build(stages: Sequence[Sequence[int]], channels: int, classes: int) -> nn.Module:
    """`stages`: the channels of each convolution, stage by stage; every stage ends with pooling."""
    layers: dict[str, nn.Module] = {}
    inputs = channels
    for s, stage in enumerate(stages, start=1):
        for i, outputs in enumerate(stage, start=1):
            layers[f"conv{s}_{i}"] = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
            layers[f"bn{s}_{i}"] = nn.BatchNorm2d(outputs)
            layers[f"relu{s}_{i}"] = nn.ReLU()
            inputs = outputs
        layers[f"pool{s}"] = nn.MaxPool2d(2, ceil_mode=True)
    layers |= {"pool": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten(), "fc": nn.Linear(inputs, classes)}
    return nn.Sequential(OrderedDict(layers))
