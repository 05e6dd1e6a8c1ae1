"""Makes networks: the dense one of a seed, the pruned one that a method has found, and that one again from its row."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from benchmarks import registry
from benchmarks.data.dataset import Part
from benchmarks.machine.device import channels_last, out_of_memory, overruns
from benchmarks.schemas.spec import Spec
from benchmarks.training.attempt import first_line
from benchmarks.training.probe import check_trains, difference, prunable
from benchmarks.training.seeds import seed_for
from methods.core.api import Keep, OwnNetwork, Unsupported
from methods.core.gates import gated
from methods.core.structure.cost import Cost, check_macs
from methods.core.structure.layers import evaluating
from methods.core.structure.structure import Structure, guard

RESETS = ("reset_parameters", "_reset_parameters")  # torch's attention has the second, for all that is in it
CHECKED = 256  # validation images on which gated and pruned logits are compared


class Found(NamedTuple):
    """The network that is left, and what its row says of it."""

    net: nn.Module
    macs: int
    widths: dict[str, Any]  # group -> channels kept; or the shape of a network of the method's own
    groups_at_minimum: int
    logit_difference: float


def new_network(spec: Spec, seed: int, part: Part, device: torch.device) -> tuple[nn.Module, Structure]:
    """The dense network of a seed, initialised, and its prunable channels.

    Raises Unsupported if it cannot be trained. If nothing of it can be removed, its structure says why (`refused`).
    """
    shape, classes = tuple(part.images.shape[1:]), registry.load("dataset", spec.dataset).CLASSES
    torch.manual_seed(seed_for(spec.dataset, spec.network, seed, "init"))
    try:
        build = registry.load("network", spec.network).build
        net = build(*shape[:2], classes)
        initialise(net, spec, seed)
    except Exception as error:
        if out_of_memory(error):
            raise
        raise Unsupported(f"{spec.network} cannot be built: {first_line(error)}") from error
    structure = _structure(build, shape, classes, spec.align)
    lay_out(net, structure.example)
    return net.to(device), structure.on(device)


@cache
@torch.random.fork_rng(devices=[])
def _structure(build: Callable[..., nn.Module], shape: tuple[int, ...], classes: int, align: int) -> Structure:
    """`structure_of` what `build` makes: once for all seeds of a job."""
    return structure_of(build(*shape[:2], classes), torch.zeros(1, *shape), classes, align)


def structure_of(net: nn.Module, example: Tensor, classes: int, align: int = 1) -> Structure:
    """The prunable channels of `net`, none where none can be removed. Raises Unsupported if it cannot be trained."""
    check_trains(lay_out(net, example), example, classes)
    try:
        return prunable(net, example, align)
    except Unsupported as error:
        return Structure((), Cost.of(net, example, ()), example, refused=str(error))


def initialise(net: nn.Module, spec: Spec, seed: int) -> None:
    """Draw all weights anew, by the modules' own `reset_parameters`; on the CPU, whose numbers every device gets."""
    device = next((parameter.device for parameter in net.parameters()), torch.device("cpu"))
    net.cpu()
    torch.manual_seed(seed_for(spec.dataset, spec.network, seed, "init"))
    for name in RESETS:
        for module in net.modules():
            if callable(reset := getattr(module, name, None)):
                reset()
    net.to(device)


def undrawn(net: nn.Module) -> dict[str, Tensor]:
    """Copies of the parameters that `initialise` leaves as the constructor has drawn them."""
    resets = [name for name, module in net.named_modules() if any(hasattr(module, reset) for reset in RESETS)]
    drawn = {id(p) for name in resets for p in net.get_submodule(name).parameters()}
    return {name: p.detach().clone() for name, p in net.named_parameters() if id(p) not in drawn}


def realise(found: Keep | OwnNetwork, net: nn.Module, structure: Structure, part: Part) -> Found:
    """Remove the channels of `net` that a method does not keep; logits are compared on `part`.

    Raises Unsupported if the ways of counting its MACs disagree.
    """
    if isinstance(found, OwnNetwork):
        own = lay_out(found.net, structure.example)
        return Found(own, check_macs(own, structure.example), found.shape, 0, 0.0)
    kept = structure.aligned(guard(found))
    small = lay_out(structure.shrink(net, kept), structure.example)
    macs = check_macs(small, structure.example, structure.macs(kept))
    widths = {name: int(mask.sum()) for name, mask in kept.items()}
    at_minimum = sum(int(mask.sum()) <= 1 for mask in found.values())
    return Found(small, macs, widths, at_minimum, _difference(net, small, structure, kept, part))


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
    load_tensors(net, tensors)
    return lay_out(net, structure.example).eval()


def load_tensors(net: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Load a state dict that was written to a file. Its version, which some modules ask for, is the network's own."""
    state = OrderedDict(tensors)
    state._metadata = net.state_dict()._metadata  # type: ignore[attr-defined]
    net.load_state_dict(state)


@torch.random.fork_rng(devices=[])
def lay_out(net: nn.Module, example: Tensor) -> nn.Module:
    """`net` with channels last, where convolutions are fastest; with channels first, and its images likewise, if it
    cannot run so (a `view` behind a convolution asks for channels first) or its gradients would be wrong.
    """
    channels_last(net)
    if not _runs(net, example.contiguous(memory_format=torch.channels_last)) or any(map(overruns, net.modules())):
        net.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        net.register_forward_pre_hook(_channels_first)
    return net


def _runs(net: nn.Module, images: Tensor) -> bool:
    try:
        with evaluating(net), torch.no_grad():
            net(images)
    except RuntimeError:
        return False
    return True


def _channels_first(_: nn.Module, images: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple(each.contiguous() for each in images)


def _difference(net: nn.Module, small: nn.Module, structure: Structure, keep: Keep, part: Part) -> float:
    """max |gated - pruned| / max |gated| over logits, float32, in eval mode."""
    images = part.normalised(part.images[:CHECKED])
    with torch.inference_mode():
        factors = {name: mask.float().to(images.device) for name, mask in keep.items()}
        return difference(gated(net.eval(), structure.groups, factors, images), small.eval()(images))
