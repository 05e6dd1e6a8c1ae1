"""ThiNet: Luo, Wu and Lin, "ThiNet: a filter level pruning method for deep neural network compression", ICCV 2017.

Idea: layer by layer, the channels are removed whose joint contribution to sampled outputs of the next layer is
smallest, chosen greedily one after another; then the next layer's weights are scaled, a factor a channel, by least
squares, so that those that stay reconstruct the output best. Later layers are chosen in the network that is pruned so
far. With x_c what channel c adds to a sampled output, the removed set R is the greedy minimiser of sum over samples of
(sum over c in R of x_c)^2.
Deviations: no fine-tuning between the layers (the paper: one or two epochs after each). A group that several layers
read (a residual stream, which the paper leaves whole) is chosen by the sum of their errors, and each of them has
factors of its own. Fewer images (the paper: 10,000). Factors are the least change from 1, which is the paper's solution
where that is unique. Groups are taken in the order in which the network defines them; every group loses the same share,
as in the paper. Where the budget has fewer steps than a tenth of it a group would take, the groups share them; where it
has no step for each group and one to train, the run is refused.
Expected: VGG-19 on CIFAR-100, 73.87 -> 73.32 at 50 % of the MACs (README of PruningBench,
github.com/HollyLee2000/PruningBench).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from methods.core import gates
from methods.core.api import Group, Keep, Problem, Site, Unsupported
from methods.core.decomposition import eigenvectors
from methods.core.ranking import few_batches, hooked, keep_by_rank

TARGETS = ("macs",)
START = "pretrained"
RANGES = {"batches": (1, 100_000), "locations": (1, 100_000)}
Reader = nn.Conv2d | nn.Linear
RANK = 1e-6  # relative size of an eigenvalue below which channels count as dependent


@dataclass(frozen=True)
class Knobs:
    batches: int = 4  # mini-batches read for each group; at most a tenth of what is left, and what is its share
    locations: int = 10  # sampled outputs per image, the paper's


def learn(net: nn.Module, problem: Problem, knobs: Knobs) -> Keep:
    """Group after group: sample, choose, rescale the readers, and take the channels out of the forward pass."""
    if (count := len(problem.groups)) >= _steps(problem):
        why = f"reads a batch for each of {count} groups and trains what is left"
        raise Unsupported(f"thinet {why}: {_steps(problem)} steps of the budget are too few")
    widths = keep_by_rank({g.name: torch.arange(g.size) for g in problem.groups}, problem)
    keep = problem.everything()
    modules: dict[str, Any] = dict(net.named_modules())
    ordered = sorted(problem.groups, key=lambda g: min(list(modules).index(s.module) for s in g.writers))
    for done, group in enumerate(ordered):
        batches = min(knobs.batches, (_steps(problem) - 1) // (count - done))
        grams = _grams(net, problem, group, batches, knobs.locations)
        keep[group.name] = ~smallest(grams.sum(0), group.size - int(widths[group.name].sum()))
        for site, gram in zip(group.readers, grams, strict=True):
            scale_inputs(modules[site.module], site, factors(gram, keep[group.name]))
            problem.charge(eigenvectors(int(keep[group.name].sum())))
        gates.fold(net, [group], {group.name: keep[group.name]})
    return keep


def _steps(problem: Problem) -> int:
    """What is left of the budget, in steps."""
    return round(problem.epochs * problem.epoch_steps)


def _grams(net: nn.Module, problem: Problem, group: Group, batches: int, locations: int) -> Tensor:
    """[readers, size, size] on the CPU: the products of the channels' contributions, summed over the samples."""
    device = next(net.parameters()).device
    grams = torch.zeros(len(group.readers), group.size, group.size, dtype=torch.float64, device=device)

    def add(gram: Tensor, site: Site, module: Reader, inputs: tuple[Tensor], output: Tensor) -> None:
        draws = torch.rand(locations, len(output), generator=problem.rng).to(device)
        with torch.enable_grad(), torch.autocast(device.type, enabled=False):
            for sampled in contributions(module, inputs[0].float(), draws):
                own = sampled[:, site.index].sum(2).double()
                gram += own.T @ own
        samples = (1 + locations) * output.numel() * module.weight[0].numel()
        problem.charge(samples + locations * len(output) * group.size**2)

    hooks = [(site.module, partial(add, gram, site)) for site, gram in zip(group.readers, grams, strict=True)]
    with hooked(net, hooks), torch.no_grad():
        for batch in few_batches(net, problem, batches, state=grams):
            problem.loss(net, batch)
    return grams.cpu()


def contributions(module: Reader, inputs: Tensor, draws: Tensor) -> Iterator[Tensor]:
    """For each row of `draws`, [n, input channels]: what each channel adds to one output of the layer per image.

    draws: [locations, n] in [0, 1); which output (of any channel, at any place). A layer is linear in its
    input, so that input * gradient is the contribution, whatever its stride, padding or groups.
    """
    inputs = inputs.detach().requires_grad_()
    outputs = module.forward(inputs).flatten(1)
    for drawn in draws:
        sampled = outputs.gather(1, (drawn * outputs.shape[1]).long()[:, None])
        (gradient,) = torch.autograd.grad(sampled.sum(), inputs, retain_graph=True)
        parts = (inputs * gradient).detach()
        channels_last = parts if isinstance(module, nn.Linear) else parts.movedim(1, -1)
        yield channels_last.reshape(len(parts), -1, channels_last.shape[-1]).sum(1)


def smallest(gram: Tensor, count: int) -> Tensor:
    """[size, size] -> bool [size]: the `count` channels whose summed contribution is small, by greedy choice."""
    gone = torch.zeros(len(gram), dtype=torch.bool)
    added = gram.diagonal().clone()  # to the squared error, by each channel in turn
    for _ in range(count):
        channel = added.masked_fill(gone, torch.inf).argmin()
        gone[channel] = True
        added += 2 * gram[channel]
    return gone


def factors(gram: Tensor, keep: Tensor) -> Tensor:
    """[size, size], bool [size] -> [size]: the least-squares factors of the channels that stay; 1 for the others."""
    lost = gram[keep][:, ~keep].sum(1)
    found = torch.ones(len(gram), dtype=gram.dtype)
    found[keep] += torch.linalg.pinv(gram[keep][:, keep], rtol=RANK, hermitian=True) @ lost
    return found


@torch.no_grad()
def scale_inputs(module: Reader, site: Site, factor: Tensor) -> None:
    """Multiply the weights that read each channel of the group by its factor, in place."""
    weight, groups = module.weight, getattr(module, "groups", 1)
    own = weight.new_ones(weight.shape[1] * groups)
    own[site.index] = factor.to(weight)[:, None]
    by_output = own.view(groups, -1).repeat_interleave(len(weight) // groups, 0)
    weight *= by_output.view(*by_output.shape, *[1] * (weight.dim() - 2))
