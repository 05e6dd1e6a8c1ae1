"""MobileNetV2: inverted residuals, as torchvision has them.

Source: Sandler, Howard, Zhu, Zhmoginov and Chen, "MobileNetV2: inverted residuals and linear bottlenecks", CVPR 2018,
tables 2 and 4. Published: 3.4 M parameters and 300 M MACs at 224x224 with 1000 classes (torchvision's: 3.50 M, 0.30 G);
2.24 M and 94.54 M at 32x32 with 10 classes in the pruning literature, where this is 88.0 M, or 92.8 M with norms.
We deviate below 64 pixels, as is usual on CIFAR: the first convolution and the second stage have stride 1. No dropout.
"""

from __future__ import annotations

from torch import nn

SMALL = 64  # pixels; smaller images keep their size in the stem
STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


def build(channels: int, size: int, classes: int) -> nn.Module:
    """Any size of at least 8 pixels."""
    from torchvision.models import MobileNetV2  # it costs seconds, and planning a study imports this file

    stages = [list(stage) for stage in STAGES]  # expansion, channels, blocks, stride
    if size < SMALL:
        stages[1][3] = 1
    net = MobileNetV2(num_classes=classes, inverted_residual_setting=stages, dropout=0.0)
    net.features[0][0] = nn.Conv2d(channels, 32, 3, stride=1 if size < SMALL else 2, padding=1, bias=False)
    return net
