"""A compactor: a 1x1 convolution behind a layer and its norm, which can be merged into both (methods/resrep.py)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from methods.core.api import Group, Problem, Unsupported
from methods.core.lengths import Layer, Norm, lengthen, read_by_norms
from methods.core.structure.layers import CONV

PASSES = 3  # forward, and a backward that costs two forward passes


class Compactor(nn.Module):
    """A square matrix on the channels behind a layer and its norm, and the running variance of what it puts out."""

    running_var: Tensor

    def __init__(self, layer: Layer, norm: Norm | None) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.eye(len(layer.weight)).to(layer.weight))
        self.register_buffer("running_var", torch.ones(len(layer.weight)).to(layer.weight))
        self.dim = -1 if norm is None and isinstance(layer, nn.Linear) else 1
        self.momentum = getattr(norm, "momentum", None) or 0.1

    def forward(self, x: Tensor) -> Tensor:
        """x, and what comes out: [n, channels, ...], or [n, ..., channels] behind a linear layer."""
        out = F.linear(x.movedim(self.dim, -1), self.weight).movedim(-1, self.dim)
        if self.training:
            variance = out.detach().movedim(self.dim, 0).flatten(1).var(1)
            self.running_var.lerp_(variance.to(self.running_var), self.momentum)
        return out


Place = tuple[Layer, Norm | None, Compactor]
"""A layer, its norm, and the compactor behind both."""


def place_for(net: nn.Module, group: Group) -> Place | None:
    """Where the group's compactor can stand so that it can be merged; None if nowhere."""
    if len(group.writers) != 1 or len(group.gates) != 1 or len(group.norms) > 1 or not group.exact:
        return None
    layer = net.get_submodule(group.writers[0].module)
    norm = net.get_submodule(group.norms[0].module) if group.norms else None
    if not isinstance(layer, (*CONV, nn.Linear)) or getattr(layer, "groups", 1) > 1:
        return None
    if norm is not None and not (isinstance(norm, Norm) and norm.affine and norm.track_running_stats):
        return None
    sites = group.writers + group.norms + group.gates
    every = torch.arange(len(layer.weight))[:, None]
    ends = net.get_submodule(group.gates[0].module) is (norm or layer)
    if not ends or not all(torch.equal(site.index.cpu(), every) for site in sites):
        return None
    return layer, norm, Compactor(layer, norm)


def refuse_apart(net: nn.Module, places: dict[str, Place], example: Tensor) -> None:
    """Raises Unsupported where a norm does not read its layer's output itself."""
    near = read_by_norms(net, example)
    if any(norm is not None and (layer, norm) not in near for layer, norm, _ in places.values()):
        raise Unsupported("a layer and its norm have another operation between them and cannot be merged")


@contextmanager
def attached(places: dict[str, Place], problem: Problem) -> Iterator[None]:
    """Every compactor reads its norm's output, or its layer's, and the network what the compactor puts out."""
    handles = []
    for layer, norm, compactor in places.values():

        def compact(_: nn.Module, __: object, output: Tensor, compactor: Compactor = compactor) -> Tensor:
            problem.charge(PASSES * output.numel() * len(compactor.weight))
            return compactor(output)

        handles.append((norm or layer).register_forward_hook(compact))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@torch.no_grad()
def merge(layer: Layer, norm: Norm | None, compactor: Compactor, gone: Tensor) -> None:
    """Make layer and norm in eval mode what they were with the compactor behind them, its rows in `gone` [channels]
    zero. The merged norm has the variance that the compactor put out, so that it does the same in training mode.
    """
    matrix = compactor.weight.masked_fill(gone[:, None], 0)
    if norm is not None:
        assert norm.running_mean is not None and norm.running_var is not None
        norm.bias.copy_(matrix @ norm.bias)
        matrix = matrix * (norm.weight / (norm.running_var + norm.eps).sqrt())
        norm.running_mean.copy_(matrix @ norm.running_mean)
        norm.running_var.copy_(compactor.running_var)
        norm.weight.copy_((compactor.running_var + norm.eps).sqrt())
    before = layer.weight.flatten(1).norm(dim=1)
    layer.weight.copy_((matrix @ layer.weight.flatten(1)).view_as(layer.weight))
    if layer.bias is not None:
        layer.bias.copy_(matrix @ layer.bias)
    if norm is not None:
        lengthen(layer, norm, before)
