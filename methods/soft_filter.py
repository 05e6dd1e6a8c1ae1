"""Soft filter pruning: He, Kang, Dong, Fu and Yang, "Soft filter pruning for accelerating deep convolutional neural
networks", IJCAI 2018.

Idea: after every epoch the filters with the smallest L2 norm are set to zero, but go on being trained; those that grow
back stay. At the end the ones that are zero go. From scratch, as in most of the paper, or from a trained network.
Deviations: the authors' code sets filters of every convolution to zero, those that write a residual stream too, each
convolution by its own norms. Here a group goes as a whole, by the norm over all that write it, because the same
channels must go from all of them for the network to shrink. The rate is the one at which the target's MACs are met,
the same for every group as in the paper. A zero filter's channel is not zero behind its norm, which still shifts it;
the shrunk network loses that shift, so part of the budget is left for fine-tuning, where the paper needs none. A
filter of zeros has no variance, so that its norm multiplies its gradient by 1 / sqrt(eps), about 300: while the rate
is high it comes back tens of times as long as the others, is kept for its length, and at that length learns hardly any
more. The authors' code prunes before the first epoch too, which the paper's algorithm does not, and so does this by
default. From scratch that prevents it: norms begin with a bias of 0, behind which ReLU passes no gradient to a channel
of zeros, so that the first choice is the last. With `initially: false` pruning begins after the first epoch.
Expected: ResNet-56 on CIFAR-10 from scratch, 93.59 -> 92.26 at 47.4 % of the MACs (their table 2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from methods.core.api import Group, Keep, Problem
from methods.core.ranking import keep_by_rank, writer_norm

TARGETS = ("macs",)
START = "init"
RANGES = {"share": (0, 1), "every": (0.01, 10000)}


@dataclass(frozen=True)
class Knobs:
    share: float = 0.7  # of the budget, for training with soft pruning
    every: float = 1.0  # epochs between two prunings
    initially: bool = True  # before the first epoch too: as in the authors' code; False: as in the paper's algorithm


def learn(net: nn.Module, problem: Problem, knobs: Knobs) -> Keep:
    """Train and set to zero in turn; the last choice is the answer."""
    budget = problem.epochs
    rounds = max(1, round(knobs.share * budget / knobs.every))
    keep = _longest(net, problem)  # refuses what cannot be pruned before anything is trained
    for done in range(0 if knobs.initially else 1, rounds + 1):
        problem.fit(net, problem.epochs - (1 - knobs.share * done / rounds) * budget)
        keep = _longest(net, problem)
        _zero(net, problem.groups, keep)
        problem.note(channels=sum(int(mask.sum()) for mask in keep.values()))
    return keep


def _longest(net: nn.Module, problem: Problem) -> Keep:
    """The filters with the largest L2 norm, the same share of every group."""
    return keep_by_rank({g.name: writer_norm(net, g, p=2) for g in problem.groups}, problem)


@torch.no_grad()
def _zero(net: nn.Module, groups: Sequence[Group], keep: Keep) -> None:
    """The filters alone, not the norm behind them: with its scale at zero they could not grow back."""
    modules = dict(net.named_modules())
    for group in groups:
        for site in group.writers:
            modules[site.module].weight[site.index[~keep[group.name]].flatten()] = 0
