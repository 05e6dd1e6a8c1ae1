"""A small VGG with batch norm: one convolution a stage.

Source: Tian, Krishnan and Isola, "Contrastive representation distillation", ICLR 2020, where it is a student; form:
_vgg.py. 3.92 M parameters at 10 classes. We deviate: it pools after each stage, and convolutions have no bias.
"""

from __future__ import annotations

from torch import nn

from benchmarks.networks import _vgg

STAGES = ((64,), (128,), (256,), (512,), (512,))


def build(channels: int, size: int, classes: int) -> nn.Module:
    """Any size of at least 8 pixels."""
    return _vgg.build(STAGES, channels, classes)
