"""What the small networks are made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


class Net(nn.Module):
    """Modules by name, and a forward pass over them: `Net(lambda m, x: m.head(m.stem(x)), stem=..., head=...)`."""

    def __init__(self, run: Callable[[Any, Tensor], Any], **modules: nn.Module) -> None:
        super().__init__()
        self.run = run
        for name, module in modules.items():
            self.add_module(name, module)

    def forward(self, x: Tensor) -> Tensor:
        """[n, c, h, w] -> [n, classes]."""
        return self.run(self, x)


def conv(inputs: int, outputs: int, kernel: int = 3, groups: int = 1) -> nn.Sequential:
    """Convolution, norm, ReLU."""
    return nn.Sequential(*norm(inputs, outputs, kernel, groups), nn.ReLU())


def norm(inputs: int, outputs: int, kernel: int = 3, groups: int = 1) -> nn.Sequential:
    """Convolution and norm."""
    layer = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False, groups=groups)
    return nn.Sequential(layer, nn.BatchNorm2d(outputs))


def bare(inputs: int, outputs: int) -> nn.Conv2d:
    """Convolution alone."""
    return nn.Conv2d(inputs, outputs, 3, padding=1)


def head(channels: int) -> nn.Sequential:
    """Mean over the image, then the output layer."""
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 2))


def between(run: Callable[[Any, Tensor], Tensor], outputs: int = 8, inputs: int = 8, **modules: nn.Module) -> Net:
    """An operation between two convolutions: it makes `inputs` channels of `outputs`."""
    return Net(
        lambda m, x: m.head(m.second(run(m, m.first(x)))),
        first=conv(1, outputs), second=conv(inputs, 6), head=head(6), **modules,
    )  # fmt: skip


def shuffled(x: Tensor) -> Tensor:
    """The channels of two groups in turn."""
    n, c, h, w = x.shape
    return x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)


def pooled(x: Tensor) -> Tensor:
    """[n, c, 1, 1]: the mean over the image."""
    return x.mean((2, 3), keepdim=True)


def with_tensor(net: nn.Module, name: str, tensor: Tensor, *, trained: bool = False) -> nn.Module:
    """The network with a parameter or a buffer of its own."""
    if trained:
        net.register_parameter(name, nn.Parameter(tensor))
    else:
        net.register_buffer(name, tensor)
    return net


def tied() -> nn.Module:
    """Two layers with one weight."""
    net = nn.Sequential(conv(1, 6), bare(6, 6), nn.ReLU(), bare(6, 6), nn.ReLU(), conv(6, 8), head(8))
    net[3].weight = net[1].weight
    return net


def twice_named() -> nn.Module:
    """One module under two names."""
    layer = conv(6, 6)
    return Net(lambda m, x: m.head(m.b(m.a(m.stem(x)))), stem=conv(1, 6), a=layer, b=layer, head=head(6))


def auxiliary() -> nn.Module:
    """A second head in training alone."""
    return Net(
        lambda m, x: (m.head(m.stem(x)), m.aux(m.stem(x))) if m.training else m.head(m.stem(x)),
        stem=conv(1, 8), aux=head(8), head=head(8),
    )  # fmt: skip


def activation(make: Callable[[], nn.Module]) -> nn.Module:
    """Between norm and layer, and between layers."""
    return nn.Sequential(norm(1, 6), make(), bare(6, 8), make(), head(8))


def classic_lenet() -> nn.Module:
    """LeNet with sigmoids and mean pooling."""
    return nn.Sequential(
        bare(1, 6), nn.Sigmoid(), nn.AvgPool2d(2), bare(6, 16), nn.Sigmoid(), nn.AvgPool2d(2), nn.Flatten(),
        nn.Linear(64, 20), nn.Sigmoid(), nn.Linear(20, 12), nn.Sigmoid(), nn.Linear(12, 2),
    )  # fmt: skip


def repvgg() -> nn.Module:
    """Two blocks of a 3x3, a 1x1 and an identity branch, each with a norm."""

    def run(m: Any, x: Tensor) -> Tensor:
        x = m.stem(x)
        x = torch.relu(m.wide1(x) + m.narrow1(x) + m.norm1(x))
        return m.head(torch.relu(m.wide2(x) + m.narrow2(x) + m.norm2(x)))

    blocks = {f"{name}{i}": norm(8, 8, kernel) for i in (1, 2) for name, kernel in (("wide", 3), ("narrow", 1))}
    return Net(run, stem=conv(1, 8), **blocks, norm1=nn.BatchNorm2d(8), norm2=nn.BatchNorm2d(8), head=head(8))
