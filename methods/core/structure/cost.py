"""The exact MACs of any choice of channels, without a forward pass.

The dense network is counted once by torch's own FlopCounterMode; how a layer's share of it shrinks follows from the
groups. What no group can make smaller (a product of activations that is no attention, say) stays what it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from methods.core.api import Group, Unsupported
from methods.core.structure.layers import WEIGHTED, depthwise, evaluating, heads_of


@dataclass(frozen=True)
class Cost:
    """MACs of every weighted layer as a function of how many channels each group has lost.

    Layer l costs positions_l * (out_l - lost_out_l . removed) * fan_l, where fan_l counts the inputs of one output.
    Behind the layers come the products of each attention (queries by keys, weights by values), whose outputs are its
    heads' channels, and last the rest, which has no group.
    """

    positions: np.ndarray  # [layers] output positions * kernel size / conv groups
    outs: np.ndarray  # [layers] dense output channels
    ins: np.ndarray  # [layers] dense input channels; 1 for depthwise
    lost_outs: np.ndarray  # [layers, groups] outputs that one channel of the group takes along
    lost_ins: np.ndarray  # [layers, groups] inputs likewise

    @classmethod
    def of(cls, net: nn.Module, example: Tensor, groups: Sequence[Group]) -> Cost:
        """Count `net` on `example` [1, c, h, w]."""
        layers = {name: module for name, module in net.named_modules() if isinstance(module, WEIGHTED)}
        heads = {group.name: _heads(net, group) for group in groups}
        attentions = {name: net.get_submodule(name) for name, size in heads.values() if size}
        row = {name: i for i, name in enumerate([*layers, *attentions])}
        outs, ins = np.ones((2, len(row) + 1))
        lost_outs, lost_ins = np.zeros((2, len(row) + 1, len(groups)))
        for name, module in layers.items():
            outs[row[name]], ins[row[name]] = len(module.weight), _fan(module)
        for column, group in enumerate(groups):
            for site in group.writers:
                lost_outs[row[site.module], column] += site.index.shape[1]
            for site in group.readers:
                lost_ins[row[site.module], column] += site.index.shape[1]
            attention, size = heads[group.name]
            if size:
                outs[row[attention]], lost_outs[row[attention], column] = size * group.size, size
        counts = _counted(net, example, [*layers.values(), *attentions.values()])
        return cls(counts / (outs * ins), outs, ins, lost_outs, lost_ins)

    def macs(self, removed: np.ndarray) -> int:
        """MACs per image after removing `removed` [groups] channels."""
        outs = self.outs - self.lost_outs @ removed
        ins = self.ins - self.lost_ins @ removed
        return round(float((self.positions * outs * ins).sum()))


class Counts(NamedTuple):
    """MACs of one image, counted in two ways that share no code where a layer has weights."""

    counted: int  # by torch's own counter
    hooked: int  # of each layer by its weight and its output; of what is outside of layers, by the counter


def counts(net: nn.Module, example: Tensor) -> Counts:
    """MACs of conv, linear and matmul of `net` for `example` [1, c, h, w]."""
    layers = [module for module in net.modules() if isinstance(module, WEIGHTED)]
    hooked = 0

    def add(layer: nn.Module, _: object, output: Tensor) -> None:
        nonlocal hooked
        hooked += output.numel() * layer.weight[0].numel()  # type: ignore[index]

    hooks = [layer.register_forward_hook(add) for layer in layers]
    try:
        of_layers = _counted(net, example, layers)
    finally:
        for hook in hooks:
            hook.remove()
    return Counts(round(of_layers.sum()), round(hooked + of_layers[-1]))


def count_macs(net: nn.Module, example: Tensor) -> int:
    """MACs of conv, linear and matmul of `net` for `example`, by torch's own counter."""
    return counts(net, example).counted


def check_macs(net: nn.Module, example: Tensor, expected: int | None = None) -> int:
    """The MACs of `net` for `example`. Raises Unsupported, with the counts, if these differ, or are not `expected`."""
    counted, hooked = counts(net, example)
    if counted == hooked == (counted if expected is None else expected):
        return counted
    ours = "" if expected is None else f"{expected:,} by its groups, "
    raise Unsupported(f"its MACs are not certain: {ours}{counted:,} by torch's counter, {hooked:,} by its layers")


@contextmanager
def unfused() -> Iterator[None]:
    """Without kernels for several operations at once, which torch's counter takes for none."""
    mha, mkldnn, cudnn = torch.backends.mha, torch.backends.mkldnn, torch.backends.cudnn
    before = mha.get_fastpath_enabled(), mkldnn.enabled, cudnn.enabled
    try:
        mha.set_fastpath_enabled(False)
        mkldnn.enabled = cudnn.enabled = False  # type: ignore[assignment]
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        mha.set_fastpath_enabled(before[0])
        mkldnn.enabled, cudnn.enabled = before[1:]


def _fan(layer: nn.Module) -> int:
    """Inputs of a layer; 1 for depthwise, whose every output has one of its own."""
    weight = layer.weight
    assert isinstance(weight, Tensor)
    return 1 if depthwise(layer) else weight.shape[1] * getattr(layer, "groups", 1)


def _heads(net: nn.Module, group: Group) -> tuple[str, int]:
    """The attention whose heads the group is, and the channels of one; 0 where it is another group."""
    writer = group.writers[0]
    attention, size = heads_of(net, writer.module)
    return attention, size if writer.index.shape[1] == size else 0


def _counted(net: nn.Module, example: Tensor, modules: Sequence[nn.Module]) -> np.ndarray:
    """[modules + 1] MACs of each, without those of the others within it; last what is in none of them."""
    macs = dict.fromkeys(modules, 0.0)
    begun: list[int] = []
    counter = FlopCounterMode(display=False)

    def end(module: nn.Module, *_: object) -> None:
        macs[module] += (counter.get_total_flops() - begun.pop()) / 2

    hooks = [m.register_forward_pre_hook(lambda *_: begun.append(counter.get_total_flops())) for m in modules]
    hooks += [module.register_forward_hook(end) for module in modules]
    try:
        with counter, unfused(), evaluating(net), torch.no_grad():
            net(example.to(next(net.parameters()).device))
    finally:
        for hook in hooks:
            hook.remove()
    own = {m: macs[m] - sum(macs[inner] for inner in m.modules() if inner in macs and inner is not m) for m in modules}
    return np.array([*own.values(), counter.get_total_flops() / 2 - sum(own.values())])
