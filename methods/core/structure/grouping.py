"""Which channels of a network belong together, and where a factor on them applies.

Groups are torch_pruning's (Fang et al., "DepGraph", CVPR 2023). What is added here: an index map for every member (a
group may be a slice of a concatenation, or k features behind a flatten), heads of attention, and the gates. Channels
for which a factor of 0 is not the same as their removal are in no group: those of a stream behind a layer or group
norm, whose statistics would change; those that parameters outside layers belong to; those that are multiplied, other
than in attention; those that are read both behind a norm and beside it.
"""

from __future__ import annotations

from collections import deque

import torch
import torch_pruning as tp
from torch import Tensor, nn

from methods.core.api import Group, Site, Unsupported
from methods.core.structure.layers import CONV, MIXING, NORM, WEIGHTED, depthwise, evaluating, heads_of


def groups_of(net: nn.Module, example: Tensor) -> tuple[Group, ...]:
    """The groups of `net`, traced with `example` [1, c, h, w]. Raises Unsupported if its graph cannot be followed."""
    graph = _graph(net, example)
    groups = []
    for members in graph.get_all_groups():
        is_output = any(not dep.target.outputs and graph.is_out_channel_pruning_fn(dep.handler) for dep, _ in members)
        if not is_output and (group := _group(graph, members)):
            groups.append(group)
    if not groups:
        raise Unsupported(f"{type(net).__name__} has no channels that can be removed")
    return tuple(groups)


def _graph(net: nn.Module, example: Tensor) -> tp.DependencyGraph:
    device = next(net.parameters()).device
    try:
        with evaluating(net), torch.enable_grad():
            return tp.DependencyGraph().build_dependency(net, example.to(device), verbose=False)
    except Exception as error:  # the tracer fails in as many ways as there are operations
        why = next(iter(str(error).splitlines()), type(error).__name__)
        raise Unsupported(f"torch_pruning cannot trace {type(net).__name__}: {why}") from error


def _group(graph: tp.DependencyGraph, members: tp.Group) -> Group | None:
    """A Group from the library's; None where no factor or mask can stand for its channels."""
    unit, sites = _unit(graph, members), _sites(graph, members)
    if unit is None or sites is None:
        return None
    merged = {kind: {n: Site(s.module, s.index[unit].flatten(1)) for n, s in of.items()} for kind, of in sites.items()}
    makers = merged["writers"] | merged["norms"]
    follows = {node: _follows(node, makers) for node in makers}
    if {"maker", "reader"} in follows.values():
        return None  # read both behind a norm and beside it: no factor reaches both alike
    return Group(
        name=graph._module2name[members[0].dep.target.module],
        size=len(unit),
        writers=tuple(merged["writers"].values()),
        norms=tuple(merged["norms"].values()),
        readers=tuple(merged["readers"].values()),
        gates=tuple(site for node, site in makers.items() if follows[node] == {"reader"}),
    )


def _unit(graph: tp.DependencyGraph, members: tp.Group) -> Tensor | None:
    """[group size, k]: the root's channels that can only go together: a head's, or one of each part of a grouped layer.

    None for a product of activations that is no attention, and for a softmax over the channels.
    """
    channels = torch.arange(len(members[0].idxs))
    nodes = [item.dep.target for item in members]
    operations = {node.grad_fn.name() for node in nodes}
    if any("Bmm" in name or "DotProduct" in name for name in operations):
        _, width = heads_of(graph.model, graph._module2name[nodes[0].module])
        return channels.view(-1, width) if width else None
    if any("Softmax" in name for name in operations):
        return None
    convs = [node.module for node in nodes if isinstance(node.module, CONV)]
    grouped = [conv.groups for conv in convs if 1 < conv.groups < conv.out_channels]
    return channels.view(grouped[-1], -1).T if grouped else channels[:, None]


def _sites(graph: tp.DependencyGraph, members: tp.Group) -> dict[str, dict[object, Site]] | None:
    """Kind ("writers", "norms", "readers") -> node -> its channels, in the order of the root's.

    None where they cannot go without changing others, or belong to parameters that no site can stand for.
    """
    sites: dict[str, dict[object, Site]] = {"writers": {}, "norms": {}, "readers": {}}
    for item in members:
        node, module = item.dep.target, item.dep.target.module
        if isinstance(module, (*WEIGHTED, *NORM)):
            index = _index(item, len(members[0].idxs))
            if index is None:
                return None
            writes = graph.is_out_channel_pruning_fn(item.dep.handler) or depthwise(module)
            kind = "norms" if isinstance(module, NORM) else "writers" if writes else "readers"
            sites[kind][node] = Site(graph._module2name[module], index)
        elif isinstance(module, (nn.Parameter, *MIXING)) or any(p.numel() > 1 for p in module.parameters()):
            return None
    return sites


def _index(item: tp._helpers.GroupItem, size: int) -> Tensor | None:
    roots, own = torch.tensor(item.root_idxs), torch.tensor(item.idxs)
    if not torch.equal(roots.bincount(minlength=size), torch.full((size,), len(roots) // size)):
        return None
    return own[roots.argsort(stable=True)].view(size, -1)


def _follows(node: object, makers: dict[object, Site]) -> set[str]:
    """What comes next behind a maker of the group: another "maker", a "reader", or both on different paths.

    Nothing behind a softmax is: queries and keys choose what is read, and only a factor on the values scales it.
    """
    found: set[str] = set()
    queue, seen = deque(node.outputs), {node}  # type: ignore[attr-defined]
    while queue:
        following = queue.popleft()
        if following in seen or "Softmax" in following.grad_fn.name():
            continue
        seen.add(following)
        if following in makers:
            found.add("maker")
        elif isinstance(following.module, (*WEIGHTED, *NORM)):
            found.add("reader")
        else:
            queue.extend(following.outputs)
    return found
