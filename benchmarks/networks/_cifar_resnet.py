"""The residual networks for small images: 6n + 2 layers of 16, 32 and 64 channels.

Source: He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition", CVPR 2016, section 4.2. Published
(their table 6): 0.27 M parameters with 20 layers, 0.46 M with 32, 0.85 M with 56, 1.7 M with 110.
We deviate: the shortcut where the size changes is a 1x1 convolution with norm (their option B), where their own small
networks pad with zeros (option A). It adds 2,752 parameters and 0.26 M MACs, so the literature has two figures, at
32x32 with 10 classes: 40.55 M MACs (A) or 40.81 M (B) with 20 layers, 68.86 M or 69.12 M with 32, 125.49 M or
125.75 M with 56, 252.89 M or 253.15 M with 110.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn


class Block(nn.Module):
    """Two 3x3 convolutions beside a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.relu1 = nn.ReLU()
        self.relu2 = nn.ReLU()
        self.shortcut: nn.Module = nn.Identity()
        if inputs != outputs:
            projection = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.shortcut = nn.Sequential(projection, nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """[n, inputs, h, w] -> [n, outputs, h / stride, w / stride]."""
        out = self.relu1(self.bn1(self.conv1(x)))
        return self.relu2(self.bn2(self.conv2(out)) + self.shortcut(x))


def build(n: int, channels: int, classes: int) -> nn.Module:
    """n blocks in each of three stages."""
    layers: dict[str, nn.Module] = {
        "conv1": nn.Conv2d(channels, 16, 3, padding=1, bias=False),
        "bn1": nn.BatchNorm2d(16),
        "relu": nn.ReLU(),
    }
    inputs = 16
    for stage, outputs in enumerate((16, 32, 64), start=1):
        first = Block(inputs, outputs, stride=1 if stage == 1 else 2)
        layers[f"stage{stage}"] = nn.Sequential(first, *[Block(outputs, outputs, 1) for _ in range(n - 1)])
        inputs = outputs
    layers |= {"pool": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten(), "fc": nn.Linear(64, classes)}
    return nn.Sequential(OrderedDict(layers))
