"""Makes networks: the dense one of a seed, the pruned one that a method has found, and that one again from its row."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import registry
from benchmarks.data.dataset import Part
from benchmarks.machine.device import channels_last
from benchmarks.schemas.spec import Spec
from benchmarks.training.seeds import seed_for
from methods.core.api import Keep, OwnNetwork
from methods.core.gates import gated
from methods.core.structure.structure import Structure, guard

CHECKED = 256  # validation images on which gated and pruned logits are compared


class Found(NamedTuple):
    """The network that is left, and what its row says of it."""

    net: nn.Module
    macs: int
    widths: dict[str, Any]  # group -> channels kept; or the shape of a network of the method's own
    groups_at_minimum: int
    logit_difference: float


def new_network(spec: Spec, seed: int, part: Part, device: torch.device) -> tuple[nn.Module, Structure]:
    """The dense network of a seed, initialised, and its prunable channels."""
    channels, size = part.images.shape[1:3]
    build = registry.load("network", spec.network).build
    net = build(channels, size, registry.load("dataset", spec.dataset).CLASSES)
    initialise(net, spec, seed)
    channels_last(net.to(device))
    return net, Structure.of(net, torch.zeros(1, channels, size, size, device=device), spec.align)


def initialise(net: nn.Module, spec: Spec, seed: int) -> None:
    """Draw all weights anew, by the layers' own `reset_parameters`."""
    torch.manual_seed(seed_for(spec.dataset, spec.network, seed, "init"))
    for module in net.modules():
        if callable(reset := getattr(module, "reset_parameters", None)):
            reset()


def realise(found: Keep | OwnNetwork, net: nn.Module, structure: Structure, part: Part) -> Found:
    """Remove the channels of `net` that a method does not keep; logits are compared on `part`."""
    if isinstance(found, OwnNetwork):
        return Found(channels_last(found.net), count_macs(found.net, structure.example), found.shape, 0, 0.0)
    kept = structure.aligned(guard(found))
    small = channels_last(structure.shrink(net, kept))
    widths = {name: int(mask.sum()) for name, mask in kept.items()}
    at_minimum = sum(int(mask.sum()) <= 1 for mask in found.values())
    return Found(small, structure.macs(kept), widths, at_minimum, _difference(net, small, structure, kept, part))


def rebuild(
    method: str, dense: nn.Module, structure: Structure, widths: dict[str, Any], tensors: dict[str, Tensor]
) -> nn.Module:
    """The network of a finished run, from its row and its weights; which channels it kept does not matter."""
    build = getattr(registry.load("method", method), "build", None)
    if build:
        net = build(structure.example, widths).to(structure.example.device)
    else:
        first = {group.name: torch.arange(group.size) < widths[group.name] for group in structure.groups}
        net = structure.shrink(dense, first)
    net.load_state_dict(tensors)
    return channels_last(net).eval()


@torch.no_grad()
def count_macs(net: nn.Module, example: Tensor) -> int:
    """MACs of conv, linear and matmul for one image, by torch's own counter."""
    training = net.training
    with FlopCounterMode(display=False) as counter:
        net.eval()(example)
    net.train(training)
    return int(counter.get_total_flops() // 2)


def _difference(net: nn.Module, small: nn.Module, structure: Structure, keep: Keep, part: Part) -> float:
    """max |gated - pruned| / max |gated| over logits, float32, in eval mode."""
    images = part.normalised(part.images[:CHECKED])
    with torch.inference_mode():
        factors = {name: mask.float().to(images.device) for name, mask in keep.items()}
        full = gated(net.eval(), structure.groups, factors, images)
        return ((full - small.eval()(images)).abs().max() / full.abs().max()).item()
