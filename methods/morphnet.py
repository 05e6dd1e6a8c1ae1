"""MorphNet: Gordon, Eban, Nachum, Chen, Wu, Yang and Choi, "MorphNet: Fast & simple resource-constrained structure
learning of deep networks", CVPR 2018.

Idea: while training from scratch, an L1 penalty on the scale gamma of every normalisation, weighted by the MACs that
its channel costs beside the channels that are alive. Those that fall below a threshold go (shrink); then every group
is widened by the same factor until the target's MACs are reached (expand). The rest of the budget is fine-tuning.
Loss: cross-entropy + lambda * sum over channels c of cost(c) |gamma_c|, where cost has mean 1 over the dense network.
Strength: the authors' README says to try powers of ten around 1 / MACs, and to train until the penalty settles; neither
paper nor code gives the steps and rates for which a value is meant. A channel of mean cost therefore gets what network
slimming, the same penalty without the costs, gives every channel: 1e-4, raised in a short run until a gamma that the
loss does not need is at 0 after half of the steps (methods/core/penalty.py, `reaching`). gamma begins at 1. A channel's
cost falls with the channels beside it that are alive, and so does the penalty on it.
Deviations: a group cannot be wider than in the dense network; there its widening ends and the others go on. If what
is alive costs more than the target, the same factor makes it narrower, where the paper would choose a larger penalty.
Channels come back with the weights that they had; the paper trains the morphed network anew. Shrink and expand once:
the budget is one training. A layer without a norm gets a factor of its own with a fiftieth of the penalty, where
the paper has a group lasso. The penalty's subgradient at 0 is 0.
Expected: better than `uniform` at equal MACs. The paper's figures are for Inception V2 on ImageNet (its section 6), at
every count of FLOPs above the seed network with a width multiplier; its numbers are not checked here, and the
README of the authors' code has none.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from methods.core import gates
from methods.core.api import Group, Keep, Problem
from methods.core.penalty import BARE, reaching
from methods.core.structure.layers import norms_with_scale
from methods.core.widths import SmoothCost, widths_for

TARGETS = ("macs",)
START = "init"
RANGES = {"penalty": (0, 1), "threshold": (0, 1), "share": (0, 1)}
FIRST = 1.0  # a scale at the start


@dataclass(frozen=True)
class Knobs:
    penalty: float = 1e-4  # lambda, on a channel of mean cost; network slimming's
    threshold: float = 1e-2  # |scale| below which a channel is dead
    share: float = 0.5  # of the budget, for training with the penalty


def learn(net: nn.Module, problem: Problem, knobs: Knobs) -> Keep:
    """Train with the penalty; shrink; expand."""
    modules = dict(net.named_modules())
    device = next(net.parameters()).device
    norms = {g.name: norms_with_scale(net, g) for g in problem.groups}
    bare = [g for g in problem.groups if not norms[g.name]]
    factors = nn.ParameterDict({str(i): nn.Parameter(torch.ones(g.size)) for i, g in enumerate(bare)}).to(device)
    own = {g.name: factors[str(i)] for i, g in enumerate(bare)}
    cost = SmoothCost.of(problem, device)

    def scale(group: Group) -> Tensor:
        """[size]: where several norms share a group it is the largest, so that a channel dies in all or none."""
        if group.name in own:
            return own[group.name].abs()
        return torch.stack([modules[s.module].weight[s.index].mean(1).abs() for s in norms[group.name]]).amax(0)

    def scales() -> list[Tensor]:
        return [scale(group) for group in problem.groups]

    epochs = knobs.share * problem.epochs
    mean = cost.marginal(cost.sizes) @ cost.sizes / cost.sizes.sum()  # cost of a channel of the dense network
    weight = torch.tensor([BARE if g.name in own else 1.0 for g in problem.groups], device=device)
    penalty = reaching(knobs.penalty, FIRST, problem, epochs) / mean
    problem.fit(
        net,
        epochs,
        penalty=lambda: penalty * regulariser(scales(), cost, knobs.threshold, weight),
        params=lambda: gates.scaled(net, bare, own),
        trained=factors,
    )
    found = [each.detach().cpu() for each in scales()]
    gates.fold(net, bare, own)
    return expanded(found, problem, knobs.threshold)


def regulariser(scales: list[Tensor], cost: SmoothCost, threshold: float, weight: Tensor) -> Tensor:
    """The paper's G: for every layer, its alive inputs times the sum of |scale| of its outputs, and the reverse.

    Summed by groups that is, for each, what one channel costs at present times the sum of its scales. weight [groups].
    """
    alive = torch.stack([(scale > threshold).sum() for scale in scales])
    return (weight * cost.marginal(alive)) @ torch.stack([scale.sum() for scale in scales])


def expanded(scales: list[Tensor], problem: Problem, threshold: float) -> Keep:
    """What is alive in every group, times the factor that meets the target: those with the largest scale."""
    alive = [(scale > threshold).float().sum().clamp_min(1) / len(scale) for scale in scales]
    widths = widths_for(torch.stack(alive), problem)
    keep = {}
    for group, scale in zip(problem.groups, scales, strict=True):
        rank = scale.argsort(descending=True, stable=True).argsort()
        keep[group.name] = rank < widths[group.name].sum()
    return keep
