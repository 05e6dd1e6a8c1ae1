"""Before anything is trained: whether a network can be trained, and which of its channels can be removed.

Removal itself is the test. A random choice of channels is removed from a copy with random weights. What is left must
run in both modes, give the logits of the masked network, and have the MACs that were predicted. Groups that fail are
left out.
"""

from __future__ import annotations

import logging
import math
from dataclasses import replace

import torch
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.machine.device import out_of_memory
from benchmarks.machine.limits import limited
from benchmarks.schemas.runs import Weights
from benchmarks.training.attempt import IMAGES, attempt, copied, first_line, images_like, in_mode, redrawn
from methods.core.api import Factors, Group, Unsupported
from methods.core.gates import Place, gated
from methods.core.structure.cost import Cost, check_macs
from methods.core.structure.structure import Structure

log = logging.getLogger(__name__)
TOLERANCE = 1e-4  # of the largest logit
SECONDS, MEMORY = 20, 4 * 2**30  # of this process, for tracing and the search for groups
PLACES: tuple[Place, ...] = ("behind_activation", "behind_norm")  # where a factor of 0 must equal removal

OUTPUTS, INPUTS = ("num_features", "out_channels", "out_features"), ("in_channels", "in_features")


@torch.random.fork_rng(devices=[])
def check_trains(net: nn.Module, example: Tensor, classes: int) -> None:
    """Raises Unsupported, naming the module, if `net` cannot be run, trained, copied or saved."""
    tried, images = copied(net), images_like(example)
    for training, mode in ((False, "eval mode"), (True, "training")):
        logits = attempt(tried, in_mode, tried, training, images)
        if not isinstance(logits, Tensor) or logits.shape != (IMAGES, classes):
            what = f"shape {tuple(logits.shape)}" if isinstance(logits, Tensor) else f"a {type(logits).__name__}"
            must = f"must be logits of shape {(IMAGES, classes)}"
            raise Unsupported(f"{type(net).__name__} puts out {what} for {IMAGES} images in {mode}; {must}")
    labels = torch.arange(IMAGES) % classes
    attempt(tried, lambda: F.cross_entropy(tried(images), labels).backward())
    attempt(tried, lambda: save(Weights(copied(tried).state_dict()).flat()))


@torch.random.fork_rng(devices=[])
def prunable(net: nn.Module, example: Tensor, align: int = 1) -> Structure:
    """The groups of channels that can be removed from `net`. Raises Unsupported, with the reason, if there are none.

    The weights of `net` do not matter: the groups are the same for every seed. example: [1, c, h, w], on the CPU.
    """
    drawn, name = redrawn(net, example), type(net).__name__
    try:
        with limited(f"tracing {name}", SECONDS, MEMORY):
            structure = _traced(drawn, example, align)
        with limited(f"finding the channels of {name} that can be removed", 2 * SECONDS, MEMORY):
            found = faults(drawn, structure)
    except TimeoutError as error:
        raise Unsupported(str(error)) from None
    for group, reason in found.items():
        log.info("the channels of %s are kept: %s", group, reason)
    if len(found) == len(structure.groups):
        group, reason = next(iter(found.items()))
        raise Unsupported(f"{name} has no channels that can be removed; {group}, for one: {reason}")
    if not found:
        return structure
    groups = tuple(g for g in structure.groups if g.name not in found)
    return replace(structure, groups=groups, cost=Cost.of(drawn, example, groups))


def _traced(net: nn.Module, example: Tensor, align: int) -> Structure:
    try:
        return Structure.of(net, example, align)
    except Unsupported:
        raise
    except Exception as error:
        if out_of_memory(error):
            raise
        raise Unsupported(f"{type(net).__name__} cannot be traced: {first_line(error)}") from error


def faults(net: nn.Module, structure: Structure) -> dict[str, str]:
    """Group -> why its channels cannot be removed. Raises Unsupported if groups fail together and not alone."""
    parts = [(structure.groups, _fault(net, structure, structure.groups))]
    if not parts[0][1]:
        return {}
    found: dict[str, str] = {}
    while parts:
        part, reason = parts.pop()
        if len(part) == 1:
            found[part[0].name] = reason
        elif reason:
            halves = part[len(part) // 2 :], part[: len(part) // 2]
            parts += [(half, why) for half in halves if (why := _fault(net, structure, half))]
    rest = tuple(group for group in structure.groups if group.name not in found)
    if rest and (reason := _fault(net, structure, rest)):
        raise Unsupported(f"the channels of {type(net).__name__} cannot be removed: {reason}")
    return found


def difference(full: Tensor, small: Tensor) -> float:
    """The largest difference of logits, relative to the largest of `full`."""
    if full.shape != small.shape:
        return math.inf
    largest = (full - small).abs().max()
    return (largest / full.abs().max()).item() if largest != 0 else 0.0


def _fault(net: nn.Module, structure: Structure, groups: tuple[Group, ...]) -> str:
    """Why a random choice of channels of these groups cannot be removed; empty if it can."""
    generator = torch.Generator().manual_seed(len(groups))
    keep = structure.everything()
    for group in groups:
        gone = int(torch.randint(1, max(2, group.size // 2 + 1), (), generator=generator)) if group.size > 1 else 0
        keep[group.name] = torch.randperm(group.size, generator=generator) >= gone
    factors = {group.name: keep[group.name].float() for group in groups}
    images = images_like(structure.example)
    try:
        _check_indices(net, groups)
        small = attempt(net, structure.shrink, net, keep)
        if not _removed(net, small, groups, factors, images) <= TOLERANCE:  # or float32 is not exact enough
            found = _removed(copied(net).double(), copied(small).double(), groups, factors, images.double())
            if not found <= TOLERANCE:
                return f"a factor of 0 on a channel is not its removal: logits differ by {found:.1e}"
        attempt(small, check_macs, small, structure.example, structure.macs(keep))
        attempt(small, lambda: in_mode(small, True, images).sum().backward())
    except Unsupported as error:
        return str(error)
    shared = len(list(small.parameters())) == len(list(net.parameters()))
    return "" if shared else "parameters that are shared would not be any more"


@torch.no_grad()
def _removed(net: nn.Module, small: nn.Module, groups: tuple[Group, ...], factors: Factors, images: Tensor) -> float:
    """How far the logits of `small` are from those of `net` with the factors, at the worst place."""
    left = attempt(small, in_mode, small, False, images)
    masked = [attempt(net, gated, net.eval(), groups, factors, images, place) for place in PLACES]
    return max(difference(full, left) for full in masked)


def _check_indices(net: nn.Module, groups: tuple[Group, ...]) -> None:
    """Raises Unsupported if a group names a channel that a module does not have."""
    for group in groups:
        for sites, names in ((group.writers + group.norms, OUTPUTS), (group.readers, INPUTS)):
            for site in sites:
                module = net.get_submodule(site.module)
                channels = next(getattr(module, name) for name in names if hasattr(module, name))
                if not 0 <= site.index.min() <= site.index.max() < channels:
                    last = int(site.index.max())
                    raise Unsupported(f"{site.module} has {channels} channels, and none of index {last}")
