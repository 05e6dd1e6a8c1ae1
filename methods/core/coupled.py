"""All that belongs to a channel: its filters in every writer, its scale in every norm, its slices in every reader."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from methods.core.api import Group, Keep, Site

Parts = Callable[[], list[Tensor]]
"""Looks the present weights up: a list of [size, weights], one a layer, differentiable."""


def coupled(net: nn.Module, group: Group, *, norms: bool = True, readers: bool = True) -> Parts:
    """The weights that a channel of the group has in its writers, and in its norms and readers where asked for.

    Biases are left out.
    """
    modules = dict(net.named_modules())
    parts = [_rows(modules[site.module], site) for site in group.writers]
    if norms:
        parts += [_rows(modules[s.module], s) for s in group.norms if modules[s.module].weight is not None]
    if readers:
        parts += [_columns(modules[site.module], site) for site in group.readers]
    return lambda: [part() for part in parts]


def squares(parts: Parts) -> Tensor:
    """[size]: the squared L2 norm of all that belongs to each channel."""
    return torch.stack([part.square().sum(1) for part in parts()]).sum(0)


def first_to_go(keep: Keep, scores: Mapping[str, Tensor], share: float) -> Keep:
    """A choice on the way to `keep`: of the channels that leave each group there, `share` with the lowest scores."""
    mid = {}
    for name, mask in keep.items():
        going = scores[name].detach().float().cpu().masked_fill(mask, torch.inf)
        mid[name] = torch.ones_like(mask)
        mid[name][going.argsort(stable=True)[: round(share * int((~mask).sum()))]] = False
    return mid


def _rows(module: nn.Module, site: Site) -> Callable[[], Tensor]:
    weight = module.weight
    assert isinstance(weight, Tensor)
    return lambda: weight[site.index].flatten(1)


def _columns(module: nn.Module, site: Site) -> Callable[[], Tensor]:
    """The slices over input channels; those of a grouped convolution lie in the rows of their own group."""
    weight, blocks = module.weight, getattr(module, "groups", 1)
    assert isinstance(weight, Tensor)
    block, column = site.index // weight.shape[1], site.index % weight.shape[1]
    return lambda: weight.unflatten(0, (blocks, -1))[block, :, column].flatten(1)
