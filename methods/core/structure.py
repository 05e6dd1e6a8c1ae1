"""The channels of any network: which belong together, what they cost, and how to take them out.

Groups and surgery are torch_pruning's DependencyGraph (Fang et al., "DepGraph", CVPR 2023). What is
added here: an index map for every member (a group may be a slice of a concatenation, or k features
behind a flatten), where factors apply, and the exact MACs of any choice of channels without a forward
pass.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
import torch_pruning as tp
from torch import Tensor, nn

from methods.core.api import Group, Keep, Site, Unsupported

_CONV = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_WEIGHTED = (*_CONV, nn.Linear)
_NORM = (nn.modules.batchnorm._BatchNorm, nn.GroupNorm, nn.LayerNorm, nn.modules.instancenorm._InstanceNorm)


@dataclass(frozen=True)
class Cost:
    """MACs of every weighted layer as a function of how many channels each group has lost.

    Layer l costs positions_l * (out_l - lost_out_l . removed) * fan_l, where fan_l counts the inputs of one output.
    """

    positions: np.ndarray  # [layers] output positions * kernel size / conv groups
    outs: np.ndarray  # [layers] dense output channels
    ins: np.ndarray  # [layers] dense input channels; 1 for depthwise
    lost_outs: np.ndarray  # [layers, groups] outputs that one channel of the group takes along
    lost_ins: np.ndarray  # [layers, groups] inputs likewise

    def macs(self, removed: np.ndarray) -> int:
        """MACs per image after removing `removed` [groups] channels."""
        outs = self.outs - self.lost_outs @ removed
        ins = self.ins - self.lost_ins @ removed
        return round(float((self.positions * outs * ins).sum()))


@dataclass(frozen=True)
class Structure:
    """The prunable channels of one network. `example` [1, c, h, w] is an input to trace it with."""

    groups: tuple[Group, ...]
    cost: Cost
    example: Tensor

    @classmethod
    def of(cls, net: nn.Module, example: Tensor) -> Structure:
        """Trace `net`. Raises Unsupported if its graph cannot be followed."""
        graph = _graph(net, example)
        groups = []
        for members in graph.get_all_groups():
            is_output = any(
                not dep.target.outputs and graph.is_out_channel_pruning_fn(dep.handler) for dep, _ in members
            )
            if not is_output and (group := _group(graph, members)):
                groups.append(group)
        if not groups:
            raise Unsupported(f"{type(net).__name__} has no channels that can be removed")
        return cls(tuple(groups), _cost(net, example, groups), example)

    def macs(self, keep: Keep) -> int:
        """MACs per image of the network with the channels of `keep`."""
        return self.cost.macs(np.array([g.size - int(keep[g.name].sum()) for g in self.groups]))

    def everything(self) -> Keep:
        """The Keep of the dense network."""
        return {g.name: torch.ones(g.size, dtype=torch.bool) for g in self.groups}

    def shrink(self, net: nn.Module, keep: Keep) -> nn.Module:
        """A copy of `net` without the channels that `keep` leaves out."""
        small = copy.deepcopy(net)
        if all(bool(mask.all()) for mask in keep.values()):
            return small
        graph = _graph(small, self.example)
        modules = dict(small.named_modules())
        for group in self.groups:
            gone = group.writers[0].index[~keep[group.name].cpu()].flatten().tolist()
            if gone:
                root = modules[group.writers[0].module]
                prune = graph.get_pruner_of_module(root).prune_out_channels
                graph.get_pruning_group(root, prune, gone).prune()
        return small


def guard(keep: Keep) -> Keep:
    """The same choice, but no group goes below one channel: an emptied group keeps its first."""
    kept = {name: mask.clone() for name, mask in keep.items()}
    for mask in kept.values():
        if not mask.any():
            mask[0] = True
    return kept


def _graph(net: nn.Module, example: Tensor) -> tp.DependencyGraph:
    device = next(net.parameters()).device
    try:
        with _evaluating(net), torch.enable_grad():
            return tp.DependencyGraph().build_dependency(net, example.to(device), verbose=False)
    except Exception as error:  # the tracer fails in as many ways as there are operations
        why = next(iter(str(error).splitlines()), type(error).__name__)
        raise Unsupported(f"torch_pruning cannot trace {type(net).__name__}: {why}") from error


@contextmanager
def _evaluating(net: nn.Module) -> Iterator[None]:
    """In eval mode, and afterwards every module in its own again."""
    modes = {module: module.training for module in net.modules()}
    net.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training


def _group(graph: tp.DependencyGraph, members: tp.Group) -> Group | None:
    """A Group from the library's; None where no factor or mask can stand for its channels."""
    size = len(members[0].idxs)
    names = graph._module2name
    unit = torch.arange(size)[:, None]
    sites: dict[str, dict[object, Site]] = {"writers": {}, "norms": {}, "readers": {}}
    for item in members:
        node, module = item.dep.target, item.dep.target.module
        if not isinstance(module, (*_WEIGHTED, *_NORM)):
            if isinstance(module, nn.Parameter | nn.MultiheadAttention):
                return None
            continue
        index = _index(item, size)
        if index is None:
            return None
        if isinstance(module, _CONV) and 1 < module.groups < module.out_channels:
            unit = torch.arange(size).view(module.groups, -1).T
        writes = graph.is_out_channel_pruning_fn(item.dep.handler) or _depthwise(module)
        kind = "norms" if isinstance(module, _NORM) else "writers" if writes else "readers"
        sites[kind][node] = Site(names[module], index)
    merged = {kind: {n: Site(s.module, s.index[unit].flatten(1)) for n, s in of.items()} for kind, of in sites.items()}
    makers = merged["writers"] | merged["norms"]
    follows = {node: _follows(node, makers) for node in makers}
    if {"maker", "reader"} in follows.values():
        return None  # read both behind a norm and beside it: no factor reaches both alike
    return Group(
        name=names[members[0].dep.target.module],
        size=len(unit),
        writers=tuple(merged["writers"].values()),
        norms=tuple(merged["norms"].values()),
        readers=tuple(merged["readers"].values()),
        gates=tuple(site for node, site in makers.items() if "maker" not in follows[node]),
    )


def _index(item: tp._helpers.GroupItem, size: int) -> Tensor | None:
    roots, own = torch.tensor(item.root_idxs), torch.tensor(item.idxs)
    if not torch.equal(roots.bincount(minlength=size), torch.full((size,), len(roots) // size)):
        return None
    return own[roots.argsort(stable=True)].view(size, -1)


def _follows(node: object, makers: dict[object, Site]) -> set[str]:
    """What comes next behind a maker of the group: another "maker", a "reader", or both on different paths."""
    found: set[str] = set()
    queue, seen = deque(node.outputs), {node}  # type: ignore[attr-defined]
    while queue:
        following = queue.popleft()
        if following in seen:
            continue
        seen.add(following)
        if following in makers:
            found.add("maker")
        elif isinstance(following.module, (*_WEIGHTED, *_NORM)):
            found.add("reader")
        else:
            queue.extend(following.outputs)
    return found


def _depthwise(module: nn.Module) -> bool:
    return isinstance(module, _CONV) and 1 < module.groups == module.out_channels


def _cost(net: nn.Module, example: Tensor, groups: list[Group]) -> Cost:
    layers = {name: m for name, m in net.named_modules() if isinstance(m, _WEIGHTED)}
    row = {name: i for i, name in enumerate(layers)}
    outs = np.array([m.weight.shape[0] for m in layers.values()], dtype=float)
    ins = np.array([1 if _depthwise(m) else m.weight.shape[1] * getattr(m, "groups", 1) for m in layers.values()])
    lost_outs, lost_ins = np.zeros((2, len(layers), len(groups)))
    for column, group in enumerate(groups):
        for site in group.writers:
            lost_outs[row[site.module], column] += site.index.shape[1]
        for site in group.readers:
            lost_ins[row[site.module], column] += site.index.shape[1]
    return Cost(_positions(net, example, list(layers.values())), outs, ins.astype(float), lost_outs, lost_ins)


def _positions(net: nn.Module, example: Tensor, layers: list[nn.Module]) -> np.ndarray:
    """[layers] how often one weight of a layer is used for one image, over its conv groups."""
    used = dict.fromkeys(layers, 0.0)

    def count(module: nn.Module, _: object, output: Tensor) -> None:
        weight = module.weight
        assert isinstance(weight, Tensor)
        shared = 1 if _depthwise(module) else getattr(module, "groups", 1)
        used[module] += output.numel() / len(output) / len(weight) * weight[0, 0].numel() / shared

    hooks = [module.register_forward_hook(count) for module in layers]
    with _evaluating(net), torch.inference_mode():
        net(example.to(next(net.parameters()).device))
    for hook in hooks:
        hook.remove()
    return np.array(list(used.values()))
