"""DenseNet-BC with 100 layers and growth 12: a 1x1 convolution in front of each 3x3, transitions that halve the maps.

Source: Huang, Liu, van der Maaten and Weinberger, "Densely connected convolutional networks", CVPR 2017, table 2, in
torchvision's form. Published: 0.8 M parameters on CIFAR. 0.77 M and 287.9 M MACs at 32x32 with 10 classes.
We deviate: the stem, for photographs in torchvision, is the paper's for CIFAR at any size, 3x3 with stride 1 and no
norm. No dropout.
"""

from __future__ import annotations

from torch import nn


def build(channels: int, size: int, classes: int) -> nn.Module:
    """Any size of at least 4 pixels; meant for those below 64."""
    from torchvision.models import DenseNet  # it costs seconds, and planning a study imports this file

    net = DenseNet(growth_rate=12, block_config=(16, 16, 16), num_init_features=24, num_classes=classes)
    net.features.conv0 = nn.Conv2d(channels, 24, 3, padding=1, bias=False)
    for name in ("norm0", "relu0", "pool0"):
        setattr(net.features, name, nn.Identity())
    return net
