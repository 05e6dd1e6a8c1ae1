"""Which modules have channels, and a forward pass that leaves no trace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from methods.core.api import Group, Site

CONV = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
WEIGHTED = (*CONV, nn.Linear)
NORM = (nn.modules.batchnorm._BatchNorm, nn.modules.instancenorm._InstanceNorm)  # a channel's statistics are its own
MIXING = (nn.LayerNorm, nn.GroupNorm)  # statistics over several channels: without one, the others change


def depthwise(module: nn.Module) -> bool:
    """Whether every output of the convolution reads one input, its own."""
    return isinstance(module, CONV) and 1 < module.groups == module.out_channels


def norms_with_scale(net: nn.Module, group: Group) -> tuple[Site, ...]:
    """The norms of the group that have a scale, gamma; others only normalise."""
    return tuple(site for site in group.norms if net.get_submodule(site.module).weight is not None)


def heads_of(net: nn.Module, layer: str) -> tuple[str, int]:
    """The module that holds the layer, and the channels of a head if it is an attention; else 0.

    An attention says so by an int `head_dim`: its query, key and value layers write head after head, and it computes
    with as many heads as they write. One that also fixes `num_heads` cannot lose any.
    """
    parent = layer.rpartition(".")[0]
    holder = net.get_submodule(parent)
    size = getattr(holder, "head_dim", 0)
    return parent, size if isinstance(size, int) and not hasattr(holder, "num_heads") else 0


@contextmanager
def evaluating(net: nn.Module) -> Iterator[None]:
    """In eval mode, and afterwards every module in its own again."""
    modes = {module: module.training for module in net.modules()}
    net.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training
