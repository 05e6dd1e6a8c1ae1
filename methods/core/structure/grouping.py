"""Which channels of a network belong together, and where a factor on them applies.

Groups are torch_pruning's (Fang et al., "DepGraph", CVPR 2023). What is added here: an index map for every member (a
group may be a slice of a concatenation, or k features behind a flatten), heads of attention, and the gates. Channels
for which a factor of 0 at the readers is not the same as their removal are in no group: those of a stream behind a
layer or group norm, whose statistics would change; those that parameters outside layers belong to, or a parameter that
several layers share; those that are multiplied, other than in attention; those of a stream that the code cuts into
parts of fixed sizes.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from typing import Any, NamedTuple

import torch
import torch_pruning as tp
from torch import Tensor, nn

from methods.core.api import Group, Site, Unsupported
from methods.core.structure.indices import cuts_channels, set_exact_maps
from methods.core.structure.layers import CONV, MIXING, NORM, WEIGHTED, depthwise, evaluating, heads_of

SHIFTING = ("Sigmoid", "Hardsigmoid", "Softplus", "LogSigmoid", "Exp", "Cos")  # what they make of 0 is not 0


class Member(NamedTuple):
    """Where the channels of a group are in one layer or operation: its channel `idxs[i]` is the root's `roots[i]`."""

    node: Any
    writes: bool  # whether they are the outputs of a layer
    roots: list[int]
    idxs: list[int]

    @classmethod
    def of(cls, graph: tp.DependencyGraph, item: Any) -> Member:
        """One of the library's."""
        return cls(item.dep.target, graph.is_out_channel_pruning_fn(item.dep.handler), item.root_idxs, item.idxs)


def groups_of(net: nn.Module, example: Tensor) -> tuple[Group, ...]:
    """The groups of `net`, traced with `example` [1, c, h, w]. Raises Unsupported if its graph cannot be followed."""
    graph = _graph(net, example)
    held = Counter(id(parameter) for module in net.modules() for parameter in module._parameters.values())
    tied = {id(parameter) for parameter in net.parameters() if held[id(parameter)] > 1}
    groups = []
    for found in graph.get_all_groups():
        members = [Member.of(graph, item) for item in found]
        is_output = any(member.writes and not member.node.outputs for member in members)
        if not is_output and not any(tied.intersection(map(id, own)) for own in map(_parameters, members)):
            groups.append(_group(graph, members))
    if not any(groups):
        raise Unsupported(f"{type(net).__name__} has no channels that can be removed")
    return tuple(filter(None, groups))


def _parameters(member: Member) -> list[nn.Parameter]:
    module = member.node.module
    return [module] if isinstance(module, nn.Parameter) else list(module.parameters())


def _graph(net: nn.Module, example: Tensor) -> tp.DependencyGraph:
    device = next(net.parameters()).device
    try:
        with evaluating(net), torch.enable_grad():
            graph = tp.DependencyGraph().build_dependency(net, example.to(device), verbose=False)
            set_exact_maps(graph)
            return graph
    except Exception as error:  # the tracer fails in as many ways as there are operations
        why = next(iter(str(error).splitlines()), type(error).__name__)
        raise Unsupported(f"torch_pruning cannot trace {type(net).__name__}: {why}") from error


def _group(graph: tp.DependencyGraph, members: list[Member]) -> Group | None:
    """A Group from the library's; None where no factor or mask can stand for its channels."""
    unit, sites = _unit(graph, members), _sites(graph, members)
    if unit is None or sites is None or not sites["readers"]:
        return None
    merged = {kind: {n: Site(s.module, s.index[unit].flatten(1)) for n, s in of.items()} for kind, of in sites.items()}
    makers = merged["writers"] | merged["norms"]
    zeros = {node: _zeros(node, merged) for node in makers}
    gates = [node for node in makers if zeros[node]]
    return Group(
        name=graph._module2name[members[0].node.module],
        size=len(unit),
        writers=tuple(merged["writers"].values()),
        norms=tuple(merged["norms"].values()),
        readers=tuple(merged["readers"].values()),
        gates=tuple(makers[node] for node in gates),
        exact=all(all(zeros[node]) and node.module.weight is not None for node in gates),
    )


def _unit(graph: tp.DependencyGraph, members: list[Member]) -> Tensor | None:
    """[group size, k]: the root's channels that can only go together: a head's, or one of each part of a grouped layer.

    None for a product of activations that is no attention, for a softmax over the channels, and where a part of them
    is cut out, whose size the network's code fixes.
    """
    size = len(members[0].idxs)
    channels = torch.arange(size)
    nodes = [member.node for member in members]
    operations = {node.grad_fn.name() for node in nodes}
    if any("Bmm" in name or "DotProduct" in name for name in operations):
        _, width = heads_of(graph.model, graph._module2name[nodes[0].module])
        return channels.view(-1, width) if width and size % width == 0 else None
    if any("Softmax" in name for name in operations) or any(map(cuts_channels, nodes)):
        return None
    grouped = {member.node.module: len(member.idxs) for member in members if _grouped(member.node)}
    if any((len(conv.weight) != size and conv.in_channels != size) or count != size for conv, count in grouped.items()):
        return None  # part of a grouped layer, as behind a concatenation
    width = math.gcd(*(size // conv.groups for conv in grouped))
    return channels.view(-1, width).T if grouped else channels[:, None]


def _grouped(node: Any) -> bool:
    """Whether it is a convolution in groups of several channels each."""
    return isinstance(node.module, CONV) and 1 < node.module.groups < node.module.out_channels


def _sites(graph: tp.DependencyGraph, members: list[Member]) -> dict[str, dict[Any, Site]] | None:
    """Kind ("writers", "norms", "readers") -> node -> its channels, in the order of the root's.

    None where they cannot go without changing others, or belong to parameters that no site can stand for.
    """
    sites: dict[str, dict[Any, Site]] = {"writers": {}, "norms": {}, "readers": {}}
    for member in members:
        node, module = member.node, member.node.module
        if isinstance(module, (*WEIGHTED, *NORM)):
            kind = "norms" if isinstance(module, NORM) else "writers" if _writes(member) else "readers"
            index = _index(member, members[0].roots)
            if index is None or "weight" not in module._parameters or index.max() >= _channels(module, kind):
                return None
            sites[kind][node] = Site(graph._module2name[module], index)
        elif isinstance(module, (nn.Parameter, *MIXING)) or any(p.numel() > 1 for p in module.parameters()):
            return None
    return sites


def _index(member: Member, roots: list[int]) -> Tensor | None:
    """[roots, k]: the member's channels of each of the root's; None unless all have as many, and none in common."""
    own: dict[int, list[int]] = {root: [] for root in roots}
    for root, channel in zip(member.roots, member.idxs, strict=True):
        own[root].append(channel)
    if len({len(channels) for channels in own.values()}) > 1 or len(set(member.idxs)) < len(member.idxs):
        return None
    return torch.tensor(list(own.values()))


def _writes(member: Member) -> bool:
    return member.writes or depthwise(member.node.module)


def _channels(module: Any, kind: str) -> int:
    if kind == "norms":
        return module.num_features
    if kind == "writers":
        return len(module.weight)
    return module.weight.shape[1] * getattr(module, "groups", 1)


def _zeros(maker: Any, sites: dict[str, dict[Any, Site]]) -> set[bool]:
    """For the readers that come next behind the maker: whether a channel that it puts out as 0 is 0 there.

    Empty if the next layer on every path is a writer or norm of the group. A layer that both reads and writes the
    group is a reader. Nothing is read behind a softmax: queries and keys choose what is read, and only a factor on the
    values scales it.
    """
    found: set[bool] = set()
    queue, seen = deque((following, True) for following in maker.outputs), {(maker, True)}
    while queue:
        following, zero = queue.popleft()
        if following in sites["readers"]:
            found.add(zero)
        elif (following, zero) not in seen and "Softmax" not in following.grad_fn.name():
            seen.add((following, zero))
            if not isinstance(following.module, (*WEIGHTED, *NORM)):
                zero = _zero_behind(following.grad_fn, zero)
                queue.extend((behind, zero) for behind in following.outputs)
    return found


def _zero_behind(operation: Any, zero: bool) -> bool:
    """Whether it puts out 0, from 0 or not. A product of channels does: its other factor is 0."""
    name, constant = operation.name().partition("Backward")[0], any(fn is None for fn, _ in operation.next_functions)
    if name == "Mul" and not constant:
        return True
    return zero and name not in SHIFTING and not (constant and name in ("Add", "Sub", "Rsub"))
