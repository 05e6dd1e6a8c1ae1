"""GoogLeNet: four branches of convolutions side by side, concatenated, as torchvision has it.

Source: Szegedy, Liu, Jia, Sermanet, Reed, Anguelov, Erhan, Vanhoucke and Rabinovich, "Going deeper with convolutions",
CVPR 2015, table 1. Published: 1.5 G MACs at 224x224; the paper's own sum of parameters in that table is 6.8 M.
torchvision's, with batch norm and with 3x3 in place of 5x5: 6.62 M parameters and 1.50 G MACs with 1000 classes.
We deviate: no auxiliary classifiers, no dropout; below 64 pixels the first convolution is 3x3 with stride 1 and the
first two poolings are left out. The pruning literature's form for CIFAR (6.15 M parameters, 1.5 G MACs) begins
with one 3x3 convolution of 192 maps instead, and has 5x5 as two 3x3.
"""

from __future__ import annotations

from torch import nn

SMALL = 64  # pixels; smaller images keep their size in the stem


def build(channels: int, size: int, classes: int) -> nn.Module:
    """Any size of at least 8 pixels."""
    from torchvision.models import GoogLeNet  # it costs seconds, and planning a study imports this file

    net = GoogLeNet(num_classes=classes, aux_logits=False, init_weights=False, dropout=0.0)
    if size < SMALL:
        net.conv1.conv = nn.Conv2d(channels, 64, 3, padding=1, bias=False)
        net.maxpool1 = net.maxpool2 = nn.Identity()
    else:
        net.conv1.conv = nn.Conv2d(channels, 64, 7, stride=2, padding=3, bias=False)
    return net
