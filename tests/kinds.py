"""Tiny networks of every kind that pruning meets, for 8x8 images; two classes."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from benchmarks.networks import _vit


def conv(inputs: int, outputs: int, kernel: int = 3, **more: int) -> nn.Sequential:
    """Convolution, norm, ReLU."""
    layer = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False, **more)
    return nn.Sequential(layer, nn.BatchNorm2d(outputs), nn.ReLU())


def head(channels: int, classes: int) -> nn.Sequential:
    """Mean over the image, then the output layer."""
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))


class Residual(nn.Module):
    """Post-activation: norm(conv) + shortcut, then ReLU; the shortcut is a projection where the width changes."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = conv(inputs, outputs)
        self.second = conv(outputs, outputs)[:2]
        self.shortcut = nn.Identity() if inputs == outputs else conv(inputs, outputs, 1)[:2]

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.second(self.first(x)) + self.shortcut(x))


class Concatenating(nn.Module):
    """DenseNet-like: a layer reads, behind a norm, the concatenation of all before it, and adds its own maps."""

    def __init__(self, inputs: int, growth: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(inputs)
        self.conv = nn.Conv2d(inputs, growth, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.conv(torch.relu(self.norm(x)))], 1)


class Inverted(nn.Module):
    """MobileNetV2-like: widen, depthwise, narrow without activation; a shortcut around it."""

    def __init__(self, channels: int, wide: int) -> None:
        super().__init__()
        self.block = nn.Sequential(
            conv(channels, wide, 1), conv(wide, wide, 3, groups=wide), conv(wide, channels, 1)[:2]
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.block(x)


class Transposed(nn.Module):
    """Channels first <-> tokens first."""

    def forward(self, x: Tensor) -> Tensor:
        return x.transpose(1, 2)


def plain(channels: int = 1, classes: int = 2) -> nn.Module:
    """Convolutions without norm, a flatten of several features a channel, and linear layers."""
    return nn.Sequential(
        nn.Conv2d(channels, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64, 20), nn.ReLU(), nn.Linear(20, classes),
    )  # fmt: skip


def residual(channels: int = 1, classes: int = 2) -> nn.Module:
    """A stem, a block with a projection, a block without: two streams."""
    return nn.Sequential(conv(channels, 12), Residual(12, 16), Residual(16, 16), head(16, classes))


def concatenating(channels: int = 1, classes: int = 2) -> nn.Module:
    """Three layers of growth, then a transition."""
    return nn.Sequential(
        nn.Conv2d(channels, 8, 3, padding=1, bias=False),
        Concatenating(8, 6), Concatenating(14, 6), Concatenating(20, 6),
        nn.BatchNorm2d(26), nn.ReLU(), conv(26, 10, 1), head(10, classes),
    )  # fmt: skip


def depthwise(channels: int = 1, classes: int = 2) -> nn.Module:
    """Two inverted residuals on one stream."""
    return nn.Sequential(conv(channels, 8), Inverted(8, 16), Inverted(8, 16), conv(8, 12, 1), head(12, classes))


def grouped(channels: int = 1, classes: int = 2) -> nn.Module:
    """A convolution in two groups between full ones: a channel goes with its like in the other group."""
    return nn.Sequential(conv(channels, 8), conv(8, 16, 3, groups=2), conv(16, 8, 1), head(8, classes))


def attention(channels: int = 1, classes: int = 2) -> nn.Module:
    """Two blocks of attention with four heads, on a stream of 16 tokens behind layer norms."""
    return nn.Sequential(
        nn.Conv2d(channels, 8, 2, stride=2), nn.Flatten(2), Transposed(), _vit.Block(8, 4, 32), _vit.Block(8, 4, 32),
        nn.LayerNorm(8), Transposed(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(8, classes),
    )  # fmt: skip


KINDS: dict[str, Callable[..., nn.Module]] = {
    made.__name__: made for made in (plain, residual, concatenating, depthwise, grouped, attention)
}
EXAMPLE = torch.zeros(1, 1, 8, 8)


def norm_free(net: nn.Module) -> nn.Module:
    """The network with the identity in place of every norm."""
    for module in list(net.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.modules.batchnorm._NormBase | nn.LayerNorm):
                setattr(module, name, nn.Identity())
    return net


def settled(net: nn.Module, seed: int = 0) -> nn.Module:
    """The network with random weights, norms and running statistics, in eval mode: what equality is tested on."""
    generator = torch.Generator().manual_seed(seed)
    for module in net.modules():
        if isinstance(module, nn.modules.batchnorm._NormBase) and module.running_mean is not None:
            module.running_mean.normal_(0, 0.3, generator=generator)
            module.running_var.uniform_(0.5, 2, generator=generator)
        if (isinstance(module, nn.modules.batchnorm._NormBase) and module.affine) or isinstance(module, nn.LayerNorm):
            nn.init.normal_(module.weight, 1, 0.3, generator=generator)
            nn.init.normal_(module.bias, 0, 0.3, generator=generator)
        elif isinstance(module, nn.Conv2d | nn.Linear) and "weight" in module._parameters:
            nn.init.kaiming_normal_(module.weight, generator=generator)
            if module.bias is not None:
                nn.init.normal_(module.bias, 0, 0.3, generator=generator)
    return net.eval()
