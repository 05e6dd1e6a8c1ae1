"""ViT-Tiny: 12 blocks of attention with 3 heads and an MLP of 4 times the width, 192. Its form: _vit.py.

Source: Touvron, Cord, Douze, Massa, Sablayrolles and Jegou, "Training data-efficient image transformers & distillation
through attention", ICML 2021, table 1 (DeiT-Ti without distillation). Published: 5 M parameters; 5.7 M and 1.3 G MACs
in later tables, at 224x224 with 1000 classes: 1.25 G of the layers and of the products within attention; the layers
alone, which some count, are 1.07 G.
"""

from __future__ import annotations

from torch import nn

from benchmarks.networks import _vit

# The stream is read behind layer norms, whose statistics would change.
UNPRUNED = r"tokens\.project|blocks\.\d+\.(attention\.out|mlp\.2)"


def build(channels: int, size: int, classes: int) -> nn.Module:
    """Any size of at least 8 pixels."""
    return _vit.ViT(width=192, heads=3, depth=12, channels=channels, size=size, classes=classes)
