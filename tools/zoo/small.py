"""Small networks for images of 1x8x8 and two classes, one for each way in which pruning tools are known to fail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm, weight_norm

from tools.zoo.blocks import (
    Net,
    activation,
    auxiliary,
    bare,
    between,
    classic_lenet,
    conv,
    head,
    norm,
    pooled,
    repvgg,
    shuffled,
    tied,
    twice_named,
    with_tensor,
)  # fmt: skip

Run = Callable[[Any, Tensor], Any]


def on_stem(run: Run, outputs: int = 8, first: nn.Module | None = None, **modules: nn.Module) -> Net:
    """A block on a stem of 8 channels that puts out `outputs`."""
    return Net(lambda m, x: m.head(run(m, m.stem(x))), stem=first or conv(1, 8), head=head(outputs), **modules)


def flattened(run: Run, features: int, **modules: nn.Module) -> Net:
    """Linear layers on a flattened image."""
    return Net(run, head=nn.Sequential(nn.Linear(features, 16), nn.ReLU(), nn.Linear(16, 2)), **modules)


def halves(m: Any, x: Tensor) -> Tensor:
    """The left half of the channels beside the right one, which a branch is added to."""
    left, right = x.split(4, 1)
    return torch.cat([left, right + m.out(m.body(right))], 1)


def shuffling(m: Any, x: Tensor) -> Tensor:
    """Three times: half of the channels goes through a layer, and all are shuffled."""
    for layer in m.layers:
        left, right = x.chunk(2, 1)
        x = shuffled(torch.cat([left, layer(right)], 1))
    return x


def rms(x: Tensor) -> Tensor:
    """Each pixel divided by the root mean square of its channels."""
    return x / (x.pow(2).mean(1, keepdim=True) + 1e-5).sqrt()


SMALL: dict[str, Callable[[], nn.Module]] = {
    "repvgg": repvgg,
    "x + relu(conv(x))": lambda: on_stem(lambda m, x: x + torch.relu(m.a(x)), a=bare(8, 8)),
    "x + relu(bn(conv(x)))": lambda: on_stem(lambda m, x: x + m.a(x), a=conv(8, 8)),
    "cat(x, relu(conv(x)))": lambda: on_stem(lambda m, x: torch.cat([x, m.a(x).relu()], 1), 14, a=bare(8, 6)),
    "two flattened branches": lambda: flattened(
        lambda m, x: m.head(torch.cat([m.a(x).flatten(1), m.b(x).flatten(1)], 1)), 4 * 64 + 6 * 16,
        a=conv(1, 4), b=nn.Sequential(conv(1, 6), nn.MaxPool2d(2)),
    ),
    "the image beside a layer": lambda: Net(
        lambda m, x: m.head(m.a(torch.cat([x, m.stem(x)], 1))), stem=conv(1, 8), a=conv(9, 6), head=head(6)
    ),
    "classic LeNet": classic_lenet,
    "x * hardsigmoid(fc(mean(x)))": lambda: on_stem(
        lambda m, x: x * F.hardsigmoid(m.fc(pooled(x))), fc=nn.Conv2d(8, 8, 1)
    ),
    "squeeze and excitation": lambda: on_stem(
        lambda m, x: x * torch.sigmoid(m.wide(torch.relu(m.narrow(pooled(x))))),
        narrow=nn.Conv2d(8, 4, 1), wide=nn.Conv2d(4, 8, 1),
    ),
    "split stream": lambda: on_stem(halves, body=conv(4, 6), out=norm(6, 4)),
    "pre-activation": lambda: on_stem(
        lambda m, x: m.body(torch.relu(m.norm(x))) + m.shortcut(x), 6, nn.Conv2d(1, 8, 3, padding=1, bias=False),
        norm=nn.BatchNorm2d(8), body=bare(8, 6), shortcut=nn.Conv2d(8, 6, 1),
    ),
    "sigmoid": lambda: activation(nn.Sigmoid),
    "hardsigmoid": lambda: activation(nn.Hardsigmoid),
    "softplus": lambda: activation(nn.Softplus),
    "PReLU": lambda: activation(nn.PReLU),
    "x + 1": lambda: between(lambda m, x: x + 1),
    "mean over channels": lambda: between(lambda m, x: x + x.mean(1, keepdim=True)),
    "sum over channels": lambda: between(lambda m, x: x + x.sum(1, keepdim=True)),
    "flip of channels": lambda: between(lambda m, x: x.flip(1)),
    "roll of channels": lambda: between(lambda m, x: x.roll(1, 1)),
    "RMS over channels": lambda: between(lambda m, x: rms(x)),
    "channels repeated": lambda: between(lambda m, x: x.repeat(1, 2, 1, 1), 4),
    "channels padded": lambda: between(lambda m, x: F.pad(x, (0, 0, 0, 0, 1, 1)), 6),
    "channels chosen": lambda: between(lambda m, x: x[:, [7, 0, 1, 2, 4, 3, 6, 5]]),
    "softmax over channels": lambda: between(lambda m, x: x.softmax(1)),
    "maxout": lambda: between(lambda m, x: torch.maximum(*x.chunk(2, 1)), 8, 4),
    "conv used twice": lambda: on_stem(lambda m, x: m.a(m.a(x)), a=conv(8, 8)),
    "one module under two names": twice_named,
    "tied weights": tied,
    "PixelShuffle": lambda: between(lambda m, x: F.pixel_shuffle(x, 2), 8, 2),
    "PixelUnshuffle": lambda: between(lambda m, x: F.pixel_unshuffle(x, 2), 4, 16),
    "channel shuffle": lambda: between(lambda m, x: shuffled(x)),
    "channels shuffled three times": lambda: on_stem(shuffling, layers=nn.ModuleList(conv(4, 4) for _ in range(3))),
    "grouped conv behind a concatenation": lambda: Net(
        lambda m, x: m.head(m.c(torch.cat([m.a(x), m.b(x)], 1))),
        a=conv(1, 8), b=conv(1, 4), c=conv(12, 12, groups=3), head=head(12),
    ),
    "two group counts on one stream": lambda: Net(
        lambda m, x: m.head(m.two(m.stem(x)) + m.three(m.stem(x))),
        stem=conv(1, 12), two=conv(12, 12, groups=2), three=conv(12, 12, groups=3), head=head(12),
    ),
    "InstanceNorm2d": lambda: nn.Sequential(bare(1, 8), nn.InstanceNorm2d(8), nn.ReLU(), conv(8, 6), head(6)),
    "InstanceNorm2d with running statistics": lambda: nn.Sequential(
        bare(1, 8), nn.InstanceNorm2d(8, affine=True, track_running_stats=True), nn.ReLU(), conv(8, 6), head(6)
    ),
    "BatchNorm2d(affine=False)": lambda: nn.Sequential(
        bare(1, 8), nn.BatchNorm2d(8, affine=False), nn.ReLU(), conv(8, 6), head(6)
    ),
    "functional batch norm": lambda: with_tensor(
        between(lambda m, x: F.batch_norm(x, None, None, m.scale, training=True)), "scale", torch.rand(8), trained=True
    ),
    "functional layer norm": lambda: between(
        lambda m, x: F.layer_norm(x.movedim(1, 3), (8,)).movedim(3, 1)
    ),
    "functional group norm": lambda: between(lambda m, x: F.group_norm(x, 2)),
    "a buffer of factors": lambda: with_tensor(between(lambda m, x: x * m.own), "own", torch.rand(8, 1, 1)),
    "a parameter of factors": lambda: with_tensor(
        between(lambda m, x: x * m.own), "own", torch.rand(8, 1, 1), trained=True
    ),
    "conv with a buffer as weight": lambda: with_tensor(
        between(lambda m, x: F.conv2d(x, m.own, padding=1, groups=8)), "own", torch.rand(8, 1, 3, 3)
    ),
    "view of a fixed size": lambda: between(lambda m, x: x.view(-1, 8, 8, 8)),
    "GLU": lambda: between(lambda m, x: F.glu(x, 1), 8, 4),
    "unfold": lambda: between(lambda m, x: F.unfold(x, 2, stride=2).unflatten(2, (4, 4)), 4, 16),
    "token mixing": lambda: Net(
        lambda m, x: m.head(F.relu(m.c((lambda y: y + m.b(F.relu(m.a(y))))(m.p(x).flatten(2)).mT)).mean(1)),
        p=nn.Conv2d(1, 8, 2, stride=2), a=nn.Linear(16, 10), b=nn.Linear(10, 16),
        c=nn.Linear(8, 12), head=nn.Linear(12, 2),
    ),
    "weight_norm": lambda: nn.Sequential(
        weight_norm(bare(1, 6)), nn.ReLU(), weight_norm(bare(6, 8)), conv(8, 6), head(6)
    ),
    "spectral_norm": lambda: nn.Sequential(
        spectral_norm(bare(1, 6)), nn.ReLU(), spectral_norm(bare(6, 8)), conv(8, 6), head(6)
    ),
    "an auxiliary head in training": auxiliary,
    "TransformerEncoderLayer": lambda: Net(
        lambda m, x: m.h(m.l(m.p(x).flatten(2).mT).mean(1)),
        p=nn.Conv2d(1, 16, 2, stride=2), l=nn.TransformerEncoderLayer(16, 4, 64, dropout=0.0, batch_first=True),
        h=nn.Linear(16, 2),
    ),
    "LSTM": lambda: Net(
        lambda m, x: m.h(m.r(m.p(x).flatten(2).mT)[0].mean(1)),
        p=nn.Conv2d(1, 8, 2, stride=2), r=nn.LSTM(8, 6, batch_first=True), h=nn.Linear(6, 2),
    ),
}  # fmt: skip
