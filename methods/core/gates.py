"""A factor a channel: applied in the forward pass, and folded into the weights for good.

A factor scales the weight and bias of the last writer or norm of each branch (`Group.gates`). Before a
norm the norm would cancel it. With factors >= 0 and ReLU this equals scaling the activation, costs nothing
per image, and folds exactly: training and folding call the same function.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call

from methods.core.api import Factors, Group


def scaled(net: nn.Module, groups: Sequence[Group], factors: Factors) -> dict[str, Tensor]:
    """The parameters of `net` that factors touch, multiplied by them; differentiable in both.

    factors: group name -> [size]. Use as `functional_call(net, scaled(...), images)`.
    """
    modules = dict(net.named_modules())
    parts: dict[str, list[tuple[Tensor, Tensor]]] = {}
    for group in groups:
        for site in group.gates:
            parts.setdefault(site.module, []).append((site.index, factors[group.name]))
    products: dict[str, Tensor] = {}
    for name, own in parts.items():
        module = modules[name]
        factor = _spread(own, len(module.weight))
        for which in ("weight", "bias"):
            if (tensor := getattr(module, which)) is not None:
                products[f"{name}.{which}"] = tensor * factor.to(tensor).view(-1, *[1] * (tensor.dim() - 1))
    return products


def gated(net: nn.Module, groups: Sequence[Group], factors: Factors, images: Tensor) -> Tensor:
    """Logits of `net` with the factors applied."""
    return functional_call(net, scaled(net, groups, factors), images)


@torch.no_grad()
def fold(net: nn.Module, groups: Sequence[Group], factors: Factors) -> None:
    """Multiply the factors into the parameters of `net`, in place."""
    write(net, scaled(net, groups, factors))


@torch.no_grad()
def write(net: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Copy tensors into the parameters of `net` that have their names."""
    own = dict(net.named_parameters())
    for name, tensor in tensors.items():
        own[name].copy_(tensor)


def _spread(parts: Sequence[tuple[Tensor, Tensor]], channels: int) -> Tensor:
    """[channels] of a module, from the groups that have a part in it: index [size, k] and factor [size]; 1 elsewhere.

    A channel is one group's alone.
    """
    index, factor = parts[0]
    if index.shape == (channels, 1) and torch.equal(index[:, 0], torch.arange(channels)):
        return factor
    at = torch.cat([index.flatten() for index, _ in parts]).to(factor.device)
    values = torch.cat([factor.repeat_interleave(index.shape[1]) for index, factor in parts])
    return factor.new_ones(channels).index_put((at,), values)
