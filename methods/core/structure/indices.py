"""Where a concatenation or a flatten puts which channels, from the shapes that were traced.

torch_pruning infers these shapes from the layers around an operation, and errs where two of them meet: two flattened
branches in one concatenation, or the image beside a layer.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch_pruning as tp

Indices = list[Any]  # torch_pruning's pairs of a channel (`idx`) and the channel of the root that it belongs to
Map = Callable[[Indices], Indices]
Maps = tuple[Map, Map]  # from the operation's input to its output, and back
OPS = tp.ops.OPTYPE


def set_exact_maps(graph: tp.DependencyGraph) -> None:
    """Replace torch_pruning's maps on both sides of concatenations and flattens of [n, c] and [n, c, h, w]."""
    exact = [node for node in graph.module2node.values() if _along_channels(node)]
    for node in exact:
        sources = [place for place, (fn, _) in enumerate(_inputs(node)) if _has_node(graph, fn)]
        if len(sources) != len(node.inputs):
            continue  # a module that is called twice
        for i, (place, source) in enumerate(zip(sources, node.inputs, strict=True)):
            there, back = _joined(node.grad_fn, place) if node.type == OPS.CONCAT else _flattened(node.grad_fn)
            earlier = sum(other is source for other in node.inputs[:i])
            _dependency(source, node, earlier).index_mapping = [there]
            _dependency(node, source, earlier).index_mapping = [back]
    for node in exact:  # torch_pruning would set its maps again for every group
        node.enable_index_mapping = False
        if node.type == OPS.RESHAPE:
            node.type = OPS.ELEMENTWISE


def _inputs(node: Any) -> tuple[tuple[Any, int], ...]:
    """(operation, number of its output) of every input; no operation for one without gradient, as the image is."""
    return getattr(node.grad_fn, "next_functions", ())


def _shape(fn: Any, nr: int = 0) -> list[int]:
    """The shape of the output `nr` of the operation with this gradient."""
    return list(fn.variable.shape if hasattr(fn, "variable") else fn._input_metadata[nr].shape)


def _has_node(graph: tp.DependencyGraph, fn: Any) -> bool:
    """Whether it is in the graph: a parameter of a layer is not."""
    own = graph.unwrapped_parameters
    return fn is not None and (not hasattr(fn, "variable") or any(fn.variable is parameter for parameter, _ in own))


def cuts_channels(node: Any) -> bool:
    """Whether it takes some of the channels, by numbers that stay as they are when channels are removed."""
    fn = node.grad_fn
    if node.type == OPS.SPLIT:
        return _is_channel(fn, len(_shape(fn)))
    if node.type != OPS.SLICE or not _is_channel(fn, len(fn._saved_self_sym_sizes)):
        return False
    return _shape(fn) != list(fn._saved_self_sym_sizes)


def _is_channel(fn: Any, dims: int) -> bool:
    """Whether an operation goes along the channels: dimension 1 of [n, c] and [n, c, h, w], 2 of [n, tokens, c]."""
    dim = (fn._saved_dim + 2**63) % 2**64 - 2**63  # a negative one is saved as if it had no sign
    return dim % dims == (2 if dims == 3 else 1)


def _along_channels(node: Any) -> bool:
    fn = node.grad_fn
    if node.type == OPS.RESHAPE:
        before = list(getattr(fn, "_saved_self_sym_sizes", ()))
        return len(before) == 4 and before[0] == 1 and _shape(fn) == [1, math.prod(before)]
    return node.type == OPS.CONCAT and len(_shape(fn)) in (2, 4) and _is_channel(fn, len(_shape(fn)))


def _dependency(source: Any, target: Any, earlier: int) -> Any:
    """The dependency of `target` on `source`; of several, the one behind `earlier` others."""
    return [dependency for dependency in source.dependencies if dependency.target is target][earlier]


def _shift(by: int, first: int, last: int) -> Map:
    """Channels from `first` up to but not including `last` move by `by`; no other has a place there."""
    return lambda indices: [i._replace(idx=i.idx + by) for i in indices if first <= i.idx < last]


def _joined(cat: Any, place: int) -> Maps:
    """The place of one input in a concatenation; one without a gradient has what the others leave."""
    sizes = [_shape(fn, nr)[1] if fn is not None else 0 for fn, nr in cat.next_functions]
    missing = _shape(cat)[1] - sum(sizes)
    first = sum(sizes[:place]) + missing * any(fn is None for fn, _ in cat.next_functions[:place])
    return _shift(first, 0, sizes[place]), _shift(-first, first, first + sizes[place])


def _flattened(reshape: Any) -> Maps:
    _, channels, height, width = reshape._saved_self_sym_sizes
    area = height * width
    return (
        lambda indices: [i._replace(idx=i.idx * area + k) for i in indices if i.idx < channels for k in range(area)],
        lambda indices: list(dict.fromkeys(i._replace(idx=i.idx // area) for i in indices)),
    )
