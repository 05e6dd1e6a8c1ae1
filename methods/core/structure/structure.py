"""The prunable channels of any network: what a choice of them costs, and how to take the others out."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch_pruning as tp
from torch import Tensor, nn

from methods.core.api import Group, Keep, Site
from methods.core.structure.cost import Cost
from methods.core.structure.grouping import groups_of
from methods.core.structure.layers import NORM


@dataclass(frozen=True)
class Structure:
    """The prunable channels of one network. `example` [1, c, h, w] is an input to trace it with."""

    groups: tuple[Group, ...]
    cost: Cost
    example: Tensor
    refused: str = ""  # why there are no groups

    @classmethod
    def of(cls, net: nn.Module, example: Tensor, align: int = 1) -> Structure:
        """Trace `net`. Raises Unsupported if its graph cannot be followed, or has nothing to remove.

        align: layers get widths that are multiples of it, where they do not keep all of their channels.
        """
        groups = tuple(replace(group, step=_step(group, align)) for group in groups_of(net, example))
        return cls(groups, Cost.of(net, example, groups), example)

    def on(self, device: torch.device) -> Structure:
        """The same with its tensors on a device: copied there once, and not at every training step."""

        def there(sites: tuple[Site, ...]) -> tuple[Site, ...]:
            return tuple(replace(site, index=site.index.to(device)) for site in sites)

        groups = [
            replace(g, writers=there(g.writers), norms=there(g.norms), readers=there(g.readers), gates=there(g.gates))
            for g in self.groups
        ]
        return replace(self, groups=tuple(groups), example=self.example.to(device))

    def macs(self, keep: Keep) -> int:
        """MACs per image of the network with the channels of `keep`."""
        return self.cost.macs(np.array([g.size - int(keep[g.name].sum()) for g in self.groups]))

    def everything(self) -> Keep:
        """The Keep of the dense network."""
        return {g.name: torch.ones(g.size, dtype=torch.bool) for g in self.groups}

    def aligned(self, keep: Keep) -> Keep:
        """The same choice, and the first channels beside it that make every width one that its group may have."""
        whole = {name: mask.clone() for name, mask in keep.items()}
        for group in self.groups:
            mask = whole[group.name]
            mask[(~mask).nonzero().flatten()[: -int(mask.sum()) % group.step]] = True
        return whole

    def shrink(self, net: nn.Module, keep: Keep) -> nn.Module:
        """A copy of `net` without the channels that `keep` leaves out."""
        small = copy.deepcopy(net)
        if all(bool(mask.all()) for mask in keep.values()):
            return small
        gone: dict[tuple[str, str], list[int]] = {}
        for group in self.groups:
            off = ~keep[group.name].cpu()
            for side, sites in (("out", group.writers + group.norms), ("in", group.readers)):
                for site in sites:
                    gone.setdefault((site.module, side), []).extend(site.index.cpu()[off].flatten().tolist())
        for (name, side), channels in gone.items():
            if channels:  # the kind is the dense layer's: a grouped one may get as narrow as a depthwise one
                module = net.get_submodule(name)
                kind = tp.ops.OPTYPE.BN if isinstance(module, NORM) else tp.ops.module2type(module)
                surgeon = tp.function.PrunerBox[kind]
                getattr(surgeon, f"prune_{side}_channels")(small.get_submodule(name), channels)
        return small


def _step(group: Group, align: int) -> int:
    """Channels of the group that are a multiple of `align` in the layer; a head, say, is several."""
    return math.lcm(align, group.writers[0].index.shape[1]) // group.writers[0].index.shape[1]


def guard(keep: Keep) -> Keep:
    """The same choice, but no group goes below one channel: an emptied group keeps its first."""
    kept = {name: mask.clone() for name, mask in keep.items()}
    for mask in kept.values():
        if not mask.any():
            mask[0] = True
    return kept
