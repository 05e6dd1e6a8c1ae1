"""The lengths of filters in front of norms.

A norm takes back the length of a filter in front of it, but a step on that filter turns it by the inverse square of its
length. A penalty that shrinks all filters makes the steps of fine-tuning longer, until they undo what was learned.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from methods.core.structure.layers import WEIGHTED, evaluating

Layer = nn.modules.conv._ConvNd | nn.Linear
Norm = nn.modules.batchnorm._BatchNorm


@contextmanager
def kept(net: nn.Module, example: Tensor) -> Iterator[None]:
    """At the end, give filters in front of norms the lengths of the beginning. The network's outputs stay.

    example: float [1, c, h, w], an input.
    """
    before = [(layer, norm, _lengths(layer)) for layer, norm in normed(net, example)]
    yield
    for layer, norm, lengths in before:
        lengthen(layer, norm, lengths)


@torch.no_grad()
def normed(net: nn.Module, example: Tensor) -> list[tuple[Layer, Norm]]:
    """The layers of which a norm with running statistics, and nothing else, reads the output; each with its norm."""
    image = torch.rand(example.shape, generator=torch.Generator().manual_seed(0)).to(example)
    pairs = read_by_norms(net, image)
    with evaluating(net):
        outputs = net(image)
        return [pair for pair in pairs if torch.equal(_halved(net, image, *pair), outputs)]


@torch.no_grad()
def read_by_norms(net: nn.Module, example: Tensor) -> list[tuple[Layer, Norm]]:
    """Layers and the norms with running statistics that read their outputs, with no other operation between them."""
    outputs: dict[int, tuple[Layer, Tensor, int]] = {}
    pairs = []

    def remember(layer: nn.Module, _: object, output: Tensor) -> None:
        assert isinstance(layer, Layer)
        outputs[id(output)] = layer, output, output._version  # holding the tensor keeps its id from being used again

    def look(norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        assert isinstance(norm, Norm)
        layer, _, version = outputs.get(id(inputs[0]), (None, None, None))
        if layer is not None and version == inputs[0]._version and norm.track_running_stats:
            pairs.append((layer, norm))

    modules = list(net.modules())
    handles = [module.register_forward_hook(remember) for module in modules if isinstance(module, WEIGHTED)]
    handles += [module.register_forward_pre_hook(look) for module in modules if isinstance(module, Norm)]
    try:
        with evaluating(net):
            net(example)
    finally:
        for handle in handles:
            handle.remove()
    return pairs


def _halved(net: nn.Module, image: Tensor, layer: Layer, norm: Norm) -> Tensor:
    """The outputs if the layer puts out half and the norm reads twice that: the same, bit for bit, if it alone does."""
    handles = [
        layer.register_forward_hook(lambda _module, _inputs, output: output / 2),
        norm.register_forward_pre_hook(lambda _module, inputs: (inputs[0] * 2,)),
    ]
    try:
        return net(image)
    finally:
        for handle in handles:
            handle.remove()


@torch.no_grad()
def lengthen(layer: Layer, norm: Norm, lengths: Tensor) -> None:
    """Give filters these lengths [channels], which the norm behind them takes back; those of length 0 stay."""
    assert norm.running_mean is not None and norm.running_var is not None
    now = _lengths(layer)
    factor = torch.where(now > 0, lengths / now, 1.0)
    layer.weight.mul_(factor.view(-1, *[1] * (layer.weight.dim() - 1)))
    norm.running_mean.mul_(factor)
    norm.running_var.copy_((norm.running_var + norm.eps) * factor**2 - norm.eps).clamp_(min=0)
    if layer.bias is not None:
        layer.bias.mul_(factor)


def _lengths(layer: Layer) -> Tensor:
    return layer.weight.detach().flatten(1).norm(dim=1)
