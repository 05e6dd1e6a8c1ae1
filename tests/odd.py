"""Tiny networks that cannot be pruned, or not everywhere, as bug reports have them; for 8x8 images, two classes."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.kinds import conv, head


class Wired(nn.Module):
    """Modules by name, and a forward pass that is given as a function."""

    def __init__(self, forward: object, **modules: nn.Module) -> None:
        super().__init__()
        self.wiring = forward
        for name, module in modules.items():
            self.add_module(name, module)

    def forward(self, images: Tensor) -> Tensor:
        return self.wiring(self, images)  # type: ignore[operator,no-any-return]


def fused_attention(channels: int = 1, classes: int = 2) -> nn.Module:
    """torch's own encoder layer: in eval mode, one kernel that the counter does not know."""
    layer = nn.TransformerEncoderLayer(16, 4, 64, dropout=0.0, batch_first=True)
    return Wired(
        lambda net, x: net.head(net.layer(net.patches(x).flatten(2).transpose(1, 2)).mean(1)),
        patches=nn.Conv2d(channels, 16, 2, stride=2), layer=layer, head=nn.Linear(16, classes),
    )  # fmt: skip


def blurred(channels: int = 1, classes: int = 2) -> nn.Module:
    """A convolution whose weight is a buffer."""

    def forward(net: nn.Module, x: Tensor) -> Tensor:
        x = net.first(x)
        return net.head(net.second(F.conv2d(x, net.kernel.expand(x.shape[1], 1, 3, 3), groups=x.shape[1], padding=1)))

    net = Wired(forward, first=conv(channels, 8), second=conv(8, 12), head=head(12, classes))
    net.register_buffer("kernel", torch.full((1, 1, 3, 3), 1 / 9))
    return net


def averaging(channels: int = 1, classes: int = 2) -> nn.Module:
    """The mean over channels; the next layer reads pixels."""
    return Wired(
        lambda net, x: net.head(net.second(net.first(x).mean(1).flatten(1)).relu()),
        first=conv(channels, 8), second=nn.Linear(64, 12), head=nn.Linear(12, classes),
    )  # fmt: skip


def shuffled(channels: int = 1, classes: int = 2) -> nn.Module:
    """Channels in two halves, interleaved."""

    def forward(net: nn.Module, x: Tensor) -> Tensor:
        x = net.first(x)
        return net.head(net.second(x.unflatten(1, (2, -1)).transpose(1, 2).flatten(1, 2)))

    return Wired(forward, first=conv(channels, 8), second=conv(8, 12), head=head(12, classes))


def viewed(channels: int = 1, classes: int = 2) -> nn.Module:
    """A view that the layout "channels last" does not allow, and that knows the number of features."""
    return Wired(
        lambda net, x: net.head(net.second(net.first(x)).view(-1, 768)),
        first=conv(channels, 8), second=conv(8, 12), head=nn.Linear(768, classes),
    )  # fmt: skip


def flat_view(channels: int = 1, classes: int = 2) -> nn.Module:
    """A view that the layout "channels last" does not allow."""
    return Wired(
        lambda net, x: (y := net.second(net.first(x)), net.head(y.view(y.size(0), -1)))[1],
        first=conv(channels, 8), second=conv(8, 12), head=nn.Linear(768, classes),
    )  # fmt: skip


def behind_sigmoid(channels: int = 1, classes: int = 2) -> nn.Module:
    """sigmoid(0) is not 0."""
    return nn.Sequential(nn.Conv2d(channels, 8, 3), nn.Sigmoid(), conv(8, 12), head(12, classes))


def flipped(channels: int = 1, classes: int = 2) -> nn.Module:
    """The channels of the first layer in reverse order."""
    return Wired(
        lambda net, x: net.head(net.second(net.first(x).flip(1))),
        first=conv(channels, 8), second=conv(8, 12), head=head(12, classes),
    )  # fmt: skip


def split(channels: int = 1, classes: int = 2) -> nn.Module:
    """Half of a stream goes through a layer, and back beside the other."""

    def forward(net: nn.Module, x: Tensor) -> Tensor:
        left, right = net.first(x).split(4, 1)
        return net.head(net.second(torch.cat([left, right + net.inner(right)], 1)))

    inner = nn.Sequential(conv(4, 8), conv(8, 4))
    return Wired(forward, first=conv(channels, 8), inner=inner, second=conv(8, 12), head=head(12, classes))


def pixel_shuffle(channels: int = 1, classes: int = 2) -> nn.Module:
    return nn.Sequential(conv(channels, 8), nn.PixelShuffle(2), conv(2, 12), head(12, classes))


def grouped_behind_concatenation(channels: int = 1, classes: int = 2) -> nn.Module:
    """Three groups read 8 and 4 channels."""
    return Wired(
        lambda net, x: net.head(net.grouped(torch.cat([net.a(x), net.b(x)], 1))),
        a=conv(channels, 8), b=conv(channels, 4), grouped=conv(12, 12, groups=3), head=head(12, classes),
    )  # fmt: skip


def instance_norm(channels: int = 1, classes: int = 2) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(channels, 8, 3), nn.InstanceNorm2d(8), nn.ReLU(),
        nn.Conv2d(8, 12, 3), nn.BatchNorm2d(12, affine=False), nn.ReLU(), head(12, classes),
    )  # fmt: skip


def two_names(channels: int = 1, classes: int = 2) -> nn.Module:
    """One module under two names."""
    inner = conv(8, 8)
    return nn.Sequential(conv(channels, 8), inner, inner, head(8, classes))


def tied(channels: int = 1, classes: int = 2) -> nn.Module:
    """Two layers have one weight."""
    net = nn.Sequential(conv(channels, 8), conv(8, 8), conv(8, 8), head(8, classes))
    net[2][0].weight = net[1][0].weight
    return net


def weight_norm(channels: int = 1, classes: int = 2) -> nn.Module:
    layer = nn.utils.parametrizations.weight_norm(nn.Conv2d(8, 12, 3))
    return nn.Sequential(conv(channels, 8), layer, nn.ReLU(), conv(12, 8), head(8, classes))


def spectral_norm(channels: int = 1, classes: int = 2) -> nn.Module:
    layer = nn.utils.parametrizations.spectral_norm(nn.Conv2d(8, 12, 3))
    return nn.Sequential(conv(channels, 8), layer, nn.ReLU(), conv(12, 8), head(8, classes))


def gated_linear(channels: int = 1, classes: int = 2) -> nn.Module:
    return nn.Sequential(conv(channels, 8), nn.Conv2d(8, 16, 3), nn.GLU(1), conv(8, 12), head(12, classes))


def per_channel_buffer(channels: int = 1, classes: int = 2) -> nn.Module:
    net = Wired(
        lambda net, x: net.head(net.second(net.first(x) * net.scale)),
        first=conv(channels, 8), second=conv(8, 12), head=head(12, classes),
    )  # fmt: skip
    net.register_buffer("scale", torch.linspace(0.5, 2, 8).view(8, 1, 1))
    return net


def mixing_tokens(channels: int = 1, classes: int = 2) -> nn.Module:
    """A linear layer over the pixels of each channel."""
    return Wired(
        lambda net, x: net.head(net.mix(net.first(x).flatten(2)).mean(2)),
        first=conv(channels, 8), mix=nn.Linear(64, 64), head=nn.Linear(8, classes),
    )  # fmt: skip


def functional_norm(channels: int = 1, classes: int = 2) -> nn.Module:
    return Wired(
        lambda net, x: net.head(net.second(F.layer_norm(net.first(x), net.first(x).shape[1:]))),
        first=conv(channels, 8), second=conv(8, 12), head=head(12, classes),
    )  # fmt: skip


def two_group_counts(channels: int = 1, classes: int = 2) -> nn.Module:
    return nn.Sequential(conv(channels, 12), conv(12, 12, groups=2), conv(12, 12, groups=3), head(12, classes))


def auxiliary_head(channels: int = 1, classes: int = 2) -> nn.Module:
    """Two outputs, in training alone."""
    return Wired(
        lambda net, x: (net.head(y), net.aux(y)) if (y := net.first(x)).shape and net.training else net.head(y),
        first=conv(channels, 8), head=head(8, classes), aux=head(8, classes),
    )  # fmt: skip


ODD = {
    made.__name__: made
    for made in (
        fused_attention, blurred, averaging, shuffled, viewed, flat_view, behind_sigmoid, flipped, split, pixel_shuffle,
        grouped_behind_concatenation, instance_norm, two_names, tied, weight_norm, spectral_norm, gated_linear,
        per_channel_buffer, mixing_tokens, functional_norm, two_group_counts,
    )
}  # fmt: skip
