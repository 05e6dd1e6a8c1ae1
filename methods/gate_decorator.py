"""Gate decorator: You, Yan, Ye, Ma and Wang, "Gate decorator: global filter pruning method for accelerating deep
convolutional neural networks", NeurIPS 2019.

Idea: a gate phi behind every norm takes over the norm's scale. The importance of a channel is |phi * dL/dphi|, the
first-order change of the loss when the channel is removed. It is summed over a Tick, a short phase in which only phi
and the last layer are trained. At its end the least important channels of the whole network are removed, but a tenth of
each group always stays. After every few Ticks comes a Tock, a phase in which all weights are trained with an L1 penalty
on phi. Each norm of a residual stream has its own phi; the importance of the stream's channels is the sum.
Deviations: every Tick removes an equal part of the MACs between the dense network and the target (the authors: 0.5 % of
the channels that are left). A channel that costs more than this part is removed in a later Tick. Ticks and Tocks take
the same time in total, as in the paper, but each is shorter, and the run's learning rate schedule holds for both. A
layer without a norm gets a phi that begins at 1. lambda is the authors'. Where the learning rates of a Tock sum to more
than in one of theirs, it is smaller by as much: otherwise the penalty alone could bring phi, and with it the
importance, to 0 before the first Tick.
Expected: ResNet-56 on CIFAR-10, 93.15 % with 70 % fewer FLOPs (README of the authors' code).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn

from methods.core import gates
from methods.core.api import Group, Keep, Problem
from methods.core.penalty import at_most
from methods.core.ranking import keep_by_rank
from methods.core.structure.layers import NORM, WEIGHTED
from methods.core.widths import masks

TARGETS = ("macs",)
START = "pretrained"
RANGES = {"penalty": (0, 1), "share": (0.01, 1), "tick": (0.001, 1000), "ticks": (1, 1000), "lr": (0, 100)}
MOST = 10.0  # of |bias / scale|, as in the authors' code
TOCK = 21.5  # sum of the learning rates of the authors' Tock: 10 epochs of 391 steps, from 0.001 to 0.01 and back
LEAST = 0.1  # of a group's channels stay, as in the authors' code


@dataclass(frozen=True)
class Knobs:
    penalty: float = 1e-3  # lambda, on the sum of |phi| in a Tock; the authors' (run/vgg16/prune.json)
    share: float = 0.6  # of the budget, for Ticks and Tocks
    tick: float = 0.2  # epochs (the paper: 1)
    ticks: int = 5  # between two Tocks, which take as long as these together (the paper: 10)
    lr: float = 1e-3  # of a Tick, at the start of the schedule; the paper's
    ranking: Literal["uniform", "global"] = "global"


def learn(net: nn.Module, problem: Problem, knobs: Knobs) -> Keep:
    """Tocks and Ticks in turn; after each Tick channels are removed."""
    sites = [(g, site) for g in problem.groups for site in (g.gates if g.exact else g.gates[:1])]
    branches = [replace(g, name=f"{g.name} at {site.module}", gates=(site,)) for g, site in sites]
    owners = [g.name for g, _ in sites]
    phi = decorate(net, branches)
    keep = problem.everything()
    kept = masks(net, keep)

    def params() -> dict[str, Tensor]:
        factors = {b.name: p * kept[owner] for b, owner, p in zip(branches, owners, phi, strict=True)}
        return gates.scaled(net, branches, factors)

    budget = knobs.share * problem.epochs
    rounds = max(1, min(round(budget / knobs.tick / 2), int(budget * problem.epoch_steps / 2)))
    tick = budget / rounds / 2
    for done in range(rounds):
        if done % knobs.ticks == 0:
            tock = min(knobs.ticks * tick, (rounds - done) * tick, problem.epochs)  # steps are rounded: what is left
            penalty = at_most(knobs.penalty, TOCK, problem, tock)
            shrink = partial(lasso, phi, penalty)
            problem.fit(net, tock, penalty=shrink, params=params, trained=phi)
        scores = {g.name: torch.zeros(g.size) for g in problem.groups}
        found = importances(net, problem, phi, params, min(tick, problem.epochs), knobs.lr)
        for owner, importance in zip(owners, found, strict=True):
            scores[owner] += importance.cpu()
        keep = keep_by_rank(scores, problem, knobs.ranking, since=keep, progress=(done + 1) / rounds, floor=LEAST)
        kept = masks(net, keep)
        problem.note(channels=sum(int(mask.sum()) for mask in keep.values()))
    gates.write(net, params())
    net.requires_grad_(True)
    return keep


def lasso(phi: nn.ParameterList, penalty: float) -> Tensor:
    """The L1 penalty of a Tock."""
    return penalty * torch.cat([*phi]).abs().sum()


@torch.no_grad()
def decorate(net: nn.Module, branches: Sequence[Group]) -> nn.ParameterList:
    """A phi [size] per branch. It takes the scale of a norm, which stays at 1; the bias is divided by it."""
    phi = nn.ParameterList()
    for branch in branches:
        (site,) = branch.gates
        module, at = net.get_submodule(site.module), site.index[:, 0]
        weight, bias = module.weight, module.bias
        factor = torch.ones(branch.size, device=next(net.parameters()).device)
        if branch.exact and isinstance(module, NORM) and site.index.shape[1] == 1:
            assert isinstance(weight, Tensor) and isinstance(bias, Tensor)
            factor = weight[at].clone()
            bias[at] = (bias[at] / factor).nan_to_num(0.0).clamp(-MOST, MOST)
            weight[at] = 1.0
            weight.requires_grad_(False)
        phi.append(nn.Parameter(factor))
    return phi


def importances(
    net: nn.Module,
    problem: Problem,
    phi: nn.ParameterList,
    params: Callable[[], dict[str, Tensor]],
    epochs: float,
    lr: float,
) -> list[Tensor]:
    """A Tick: train phi and the last layer, and sum |phi * dL/dphi| over its steps."""
    last = [module for module in net.modules() if isinstance(module, WEIGHTED)][-1]
    optimizer = problem.optimizer(phi, last, lr=lr)
    learning = [*phi, *last.parameters()]
    sums = [torch.zeros_like(p) for p in phi]
    net.train()
    for batch in problem.batches(epochs, state=(net, phi, optimizer, sums)):
        optimizer.zero_grad()
        problem.loss(net, batch, params()).backward(inputs=learning)
        for p, total in zip(phi, sums, strict=True):
            assert p.grad is not None
            total += (p * p.grad).detach().abs()
        optimizer.step()
    return sums
