"""Gate decorator: You, Yan, Ye, Ma and Wang, "Gate decorator: global filter pruning method for accelerating deep
convolutional neural networks", NeurIPS 2019.

Idea: a factor phi behind every norm takes over the norm's scale; |phi * dL/dphi|, the first order of what the loss
would change by without the channel, is summed over a Tick, in which only phi and the last layer learn; then the least
important channels of the whole network go. Every few Ticks a Tock trains all, with an L1 penalty on phi. Each norm of
a residual stream has its own phi; the importance of the stream's channels is the sum.
Deviations: the channels removed in a Tick follow from the target and the budget, the same MACs in each (the paper: a
fixed share of the channels until the target is reached). Ticks and Tocks take as long in all, as in the paper, but are
short, and learn along the one schedule. A layer without a norm gets a phi that begins at 1.
Expected: ResNet-56 on CIFAR-10, 93.1 -> 92.77 at 39.8 % of the MACs (as quoted by Torch-Pruning's table).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn

from methods.core import gates
from methods.core.api import Group, Keep, Problem, Unsupported
from methods.core.layers import NORM, WEIGHTED
from methods.core.ranking import keep_by_rank

TARGETS = ("macs",)
START = "pretrained"
MOST = 10.0  # of |bias / scale|, as in the authors' code
LEAST = 0.1  # of a group's channels stay, as in the authors' code


@dataclass(frozen=True)
class Knobs:
    penalty: float = 1e-3  # lambda, on the sum of |phi| in a Tock; the authors' for VGG-16 on CIFAR-10
    share: float = 0.6  # of the budget, for Ticks and Tocks
    tick: float = 0.2  # epochs (the paper: 1)
    ticks: int = 5  # between two Tocks, which take as long as these together (the paper: 10)
    lr: float = 1e-3  # of a Tick, at the start of the schedule; the paper's
    ranking: Literal["uniform", "global"] = "global"


def learn(net: nn.Module, problem: Problem, knobs: Knobs) -> Keep:
    """Tocks and Ticks in turn; behind each Tick channels go."""
    branches = [
        replace(g, name=f"{g.name} at {site.module}", gates=(site,)) for g in problem.groups for site in g.gates
    ]
    owners = [g.name for g in problem.groups for _ in g.gates]
    phi = decorate(net, branches)
    keep = problem.everything()

    def params() -> dict[str, Tensor]:
        factors = {b.name: p * keep[owner].to(p) for b, owner, p in zip(branches, owners, phi, strict=True)}
        return gates.scaled(net, branches, factors)

    budget = knobs.share * problem.epochs
    rounds = max(1, min(round(budget / knobs.tick / 2), int(budget * problem.epoch_steps / 2)))
    tick = budget / rounds / 2
    for done in range(rounds):
        if done % knobs.ticks == 0:
            tock = min(knobs.ticks, rounds - done) * tick
            problem.fit(
                net, tock, penalty=lambda: knobs.penalty * torch.cat([*phi]).abs().sum(), params=params, trained=phi
            )
        scores = {g.name: torch.zeros(g.size) for g in problem.groups}
        for owner, importance in zip(owners, importances(net, problem, phi, params, tick, knobs.lr), strict=True):
            scores[owner] += importance.cpu()
        keep = shrunk(keep, scores, problem, (done + 1) / rounds, knobs.ranking)
        problem.note(channels=sum(int(mask.sum()) for mask in keep.values()))
    gates.write(net, params())
    net.requires_grad_(True)
    return keep


@torch.no_grad()
def decorate(net: nn.Module, branches: Sequence[Group]) -> nn.ParameterList:
    """A phi [size] per branch. It takes the scale of a norm, which stays at 1; the bias is divided by it."""
    phi = nn.ParameterList()
    for branch in branches:
        (site,) = branch.gates
        module, at = net.get_submodule(site.module), site.index[:, 0]
        weight, bias = module.weight, module.bias
        assert isinstance(weight, Tensor)
        factor = torch.ones(branch.size, device=weight.device)
        if isinstance(module, NORM) and site.index.shape[1] == 1:
            assert isinstance(bias, Tensor)
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


def shrunk(keep: Keep, scores: dict[str, Tensor], problem: Problem, done: float, ranking: str) -> Keep:
    """The choice when the fraction `done` of the way to the target is gone; what has gone before goes first."""
    assert problem.target is not None
    there = copy.copy(problem)
    there.target = 1 - done * (1 - problem.target)
    left = {name: score.masked_fill(~keep[name], -1.0) for name, score in scores.items()}
    for score in left.values():
        score[score.topk(max(1, int(LEAST * len(score)))).indices] = torch.inf
    try:
        return keep_by_rank(left, there, ranking)
    except Unsupported:
        if done == 1:
            raise
        return keep  # between coarse channels the way may have no such place
