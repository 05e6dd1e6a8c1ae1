"""Wide residual network: 16 layers, 4 times the channels, norm and ReLU in front of every convolution.

Source: Zagoruyko and Komodakis, "Wide residual networks", BMVC 2016. 2.75 M parameters, 393 M MACs at 32x32 with 10
classes. A shortcut that changes the width reads what the first convolution reads, behind norm and ReLU, as in the
authors' code; so every reader of a stream is behind a norm, and streams are prunable. No dropout.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn

WIDTH = 4
BLOCKS = 2  # a stage; 6 * BLOCKS + 4 convolutions, the three projections among them


class Block(nn.Module):
    """Two 3x3 convolutions, each behind norm and ReLU, beside a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.relu1 = nn.ReLU()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.relu2 = nn.ReLU()
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False) if inputs != outputs else None

    def forward(self, x: Tensor) -> Tensor:
        """[n, inputs, h, w] -> [n, outputs, h / stride, w / stride]."""
        read = self.relu1(self.bn1(x))
        out = self.conv2(self.relu2(self.bn2(self.conv1(read))))
        return out + (self.shortcut(read) if self.shortcut else x)


def build(channels: int, size: int, classes: int) -> nn.Module:
    """Any size of at least 4 pixels."""
    layers: dict[str, nn.Module] = {"conv1": nn.Conv2d(channels, 16, 3, padding=1, bias=False)}
    inputs = 16
    for stage, outputs in enumerate((16 * WIDTH, 32 * WIDTH, 64 * WIDTH), start=1):
        first = Block(inputs, outputs, stride=1 if stage == 1 else 2)
        layers[f"stage{stage}"] = nn.Sequential(first, *[Block(outputs, outputs, 1) for _ in range(BLOCKS - 1)])
        inputs = outputs
    layers |= {"bn": nn.BatchNorm2d(inputs), "relu": nn.ReLU(), "pool": nn.AdaptiveAvgPool2d(1)}
    layers |= {"flatten": nn.Flatten(), "fc": nn.Linear(inputs, classes)}
    return nn.Sequential(OrderedDict(layers))
