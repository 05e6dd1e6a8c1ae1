"""A factor on each channel: applied in the forward pass during training, and folded into the weights afterwards.

A factor s_i can apply at one of three places:

    behind_activation   the readers take s_i x_i in:  W_oi <- s_i W_oi  in every layer that reads channel i
    behind_norm         the last writer or norm of each branch puts s_i x_i out: its weight and bias of channel i
    before_norm         the writers put s_i x_i out, also where a norm follows, which cancels s_i: with s_i = 0 the
                        channel still puts out the norm's shift, and its removal is not exact

With s >= 0 and ReLU the first two give the same logits. Their gradients differ: a factor of 0 in front of a ReLU holds
the pre-activation at 0, where the derivative of ReLU is 0, so that dL/ds is 0 from then on. Behind the activation

    dL/ds_i = sum over o of <dL/dW'_oi, W_oi>,   W' the scaled weights,

which is the gradient of scaling the activation itself, and is alive at s = 0. For a stream with identity shortcuts the
readers are all layers that read the stream; behind a concatenation or a depthwise convolution, the layers that mix its
channels; of an attention's values, the layer that puts the heads together (`Group.readers`).

Every form multiplies parameters alone: it costs nothing per image, leaves no hook, and folds exactly, because training
and folding call the same function.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call

from methods.core.api import Factors, Group, Site

Place = Literal["behind_activation", "behind_norm", "before_norm"]
Parts = list[tuple[Site, Tensor]]  # where a group has its channels in a module, and its factor [size]
SITES: dict[Place, Callable[[Group], tuple[Site, ...]]] = {
    "behind_activation": lambda group: group.readers,
    "behind_norm": lambda group: group.gates if group.exact else group.readers,
    "before_norm": lambda group: group.writers,
}


def scaled(
    net: nn.Module, groups: Sequence[Group], factors: Factors, place: Place = "behind_norm"
) -> dict[str, Tensor]:
    """The parameters of `net` that factors touch, multiplied by them; differentiable in both.

    factors: group name -> [size]. Use as `functional_call(net, scaled(...), images)`.
    """
    parts: dict[str, tuple[Parts, Parts]] = {}
    for group in groups:
        sites = SITES[place](group)
        for site in sites:
            outputs, inputs = parts.setdefault(site.module, ([], []))
            (inputs if sites is group.readers else outputs).append((site, factors[group.name]))
    made = {name: _scaled(net.get_submodule(name), *own) for name, own in parts.items()}
    return {f"{name}.{which}": tensor for name, own in made.items() for which, tensor in own.items()}


def gated(
    net: nn.Module, groups: Sequence[Group], factors: Factors, images: Tensor, place: Place = "behind_norm"
) -> Tensor:
    """Logits of `net` with the factors applied."""
    return functional_call(net, scaled(net, groups, factors, place), images)


@torch.no_grad()
def fold(net: nn.Module, groups: Sequence[Group], factors: Factors, place: Place = "behind_norm") -> None:
    """Multiply the factors into the parameters of `net`, in place."""
    write(net, scaled(net, groups, factors, place))


@torch.no_grad()
def write(net: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Copy tensors into the parameters of `net` that have their names."""
    own = dict(net.named_parameters())
    for name, tensor in tensors.items():
        own[name].copy_(tensor)


def _scaled(module: nn.Module, outputs: Parts, inputs: Parts) -> dict[str, Tensor]:
    """Weight and bias of a layer or norm, its outputs and inputs scaled."""
    weight = module.weight
    assert isinstance(weight, Tensor)
    tensors = {"weight": weight}
    if outputs:
        tensors = {which: tensor for which in ("weight", "bias") if (tensor := getattr(module, which)) is not None}
        factor = _spread(outputs, len(tensors["weight"]))
        tensors = {n: t * factor.to(t).view(-1, *[1] * (t.dim() - 1)) for n, t in tensors.items()}
    if inputs:
        tensors["weight"] = _inputs(tensors["weight"], getattr(module, "groups", 1), inputs)
    return tensors


def _inputs(weight: Tensor, groups: int, parts: Parts) -> Tensor:
    """Weight [outputs, inputs / groups, ...] of a layer, its inputs scaled."""
    factor = _spread(parts, groups * weight.shape[1]).to(weight)
    by_group = weight.unflatten(0, (groups, -1)) * factor.view(groups, 1, -1, *[1] * (weight.dim() - 2))
    return by_group.flatten(0, 1)


def _spread(parts: Parts, channels: int) -> Tensor:
    """[channels] of a module: the factors of the groups that have channels in it, 1 elsewhere.

    A channel belongs to one group.
    """
    site, factor = parts[0]
    if site.index.numel() == channels and site.ordered:
        return factor[:, None].expand(-1, site.index.shape[1]).flatten()
    at = torch.cat([site.index.flatten() for site, _ in parts]).to(factor.device)
    values = torch.cat([factor.repeat_interleave(site.index.shape[1]) for site, factor in parts])
    return factor.new_ones(channels).index_put((at,), values)
