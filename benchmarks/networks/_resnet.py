"""The residual networks for photographs, as torchvision has them, with a stem for small images.

Source: He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition", CVPR 2016, table 1. Published: 1.8 G
MACs with 18 layers, 3.6 G with 34, 3.8 G with 50, at 224x224. torchvision's, with the stride in the 3x3 convolution
where the paper has it in the 1x1 before: 11.69 M parameters and 1.81 G MACs, 21.80 M and 3.66 G, 25.56 M and 4.09 G,
with 1000 classes.
We deviate below 64 pixels, as is usual on CIFAR: the first convolution is 3x3 with stride 1, and no pooling follows.
With 18 layers and 10 classes that makes 11.17 M parameters and 0.56 G MACs at 32x32.
"""

from __future__ import annotations

from torch import nn

SMALL = 64  # pixels; smaller images keep their size in the stem


def build(layers: int, channels: int, size: int, classes: int) -> nn.Module:
    """18, 34 or 50 layers."""
    from torchvision import models  # it costs seconds, and planning a study imports this file

    net = getattr(models, f"resnet{layers}")(num_classes=classes)
    if size < SMALL:
        net.conv1 = nn.Conv2d(channels, 64, 3, padding=1, bias=False)
        net.maxpool = nn.Identity()
    else:
        net.conv1 = nn.Conv2d(channels, 64, 7, stride=2, padding=3, bias=False)
    return net
