"""DenseNet-40 with growth 12: every layer reads all maps of its block before it, and adds 12.

Source: Huang, Liu, van der Maaten and Weinberger, "Densely connected convolutional networks", CVPR 2017, the basic form
of table 2. Published: 1.0 M parameters with 40 layers and growth 12 on CIFAR. The pruning
literature disagrees on its MACs at 32x32 with 10 classes: 533 M operations, two a MAC, with 1.02 M parameters (Liu et
al., "Learning efficient convolutional networks through network slimming", ICCV 2017, table 1); elsewhere 282.92 M MACs
with 1.04 M parameters, or 290.13 M with 1.06 M. Convolutions and linear layer alone, with the paper's 16 maps in the
first layer, are 264.8 M, and 1.02 M parameters. No dropout.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn

GROWTH = 12
LAYERS = 12  # a block; 3 * LAYERS + 4 in all


class Layer(nn.Module):
    """Norm, ReLU and a 3x3 convolution, whose maps are put behind those that it reads."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(inputs)
        self.relu = nn.ReLU()
        self.conv = nn.Conv2d(inputs, GROWTH, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """[n, inputs, h, w] -> [n, inputs + GROWTH, h, w]."""
        return torch.cat([x, self.conv(self.relu(self.bn(x)))], 1)


def build(channels: int, size: int, classes: int) -> nn.Module:
    """Any size of at least 4 pixels."""
    layers: dict[str, nn.Module] = {"conv1": nn.Conv2d(channels, 16, 3, padding=1, bias=False)}
    maps = 16
    for block in (1, 2, 3):
        layers[f"block{block}"] = nn.Sequential(*[Layer(maps + GROWTH * i) for i in range(LAYERS)])
        maps += GROWTH * LAYERS
        layers |= {f"bn{block}": nn.BatchNorm2d(maps), f"relu{block}": nn.ReLU()}
        if block < 3:
            layers[f"transition{block}"] = nn.Conv2d(maps, maps, 1, bias=False)
            layers[f"pool{block}"] = nn.AvgPool2d(2)
    layers |= {"pool": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten(), "fc": nn.Linear(maps, classes)}
    return nn.Sequential(OrderedDict(layers))
