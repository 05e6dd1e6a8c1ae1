"""Group norm: Fang, Ma, Song, Mi and Wang, "DepGraph: Towards any structural pruning", CVPR 2023.

Idea: a channel's importance is the squared norm of all weights that are removed with it, in writers, norms and readers
alike. A growing share of weight decay on the unimportant makes all of them small together; then they are removed.
Strength of a channel: 2^(alpha (I_max - I) / (I_max - I_min)), from 1 to 2^alpha within its group.
Deviations: the recipe's weight decay stays beside it, where the authors switch theirs off, so that a gain is not owed
to the decay. The growing decay is the authors', so that in short runs the unimportant shrink less than in theirs. Where
the learning rates of a run sum to more than in theirs, it is smaller by as much, and the unimportant shrink alike. As
in the authors' runs, the training with the penalty has a tenth of the learning rate that the network was trained at;
the recipe's schedule goes on below it. The last training has the whole rate (the authors': a tenth), as that of every
method here; so that smaller filters do not make its steps longer, those in front of norms get their lengths back
(methods/core/lengths.py). The budget is split between the two trainings (the authors: 100 epochs each). Scores are
divided by their group's maximum before they are compared, as in the authors' code for CIFAR.
Expected: ResNet-56 on CIFAR-10, 93.53 -> 93.77 at 46.9 % of the MACs (torch_pruning's reproduce/readme.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from methods.core import lengths
from methods.core.api import Keep, Problem
from methods.core.coupled import coupled, squares
from methods.core.penalty import at_most, recipe_lr
from methods.core.ranking import keep_by_rank

TARGETS = ("macs",)
START = "pretrained"
PAPER = 243.0  # sum of the learning rates of the authors' training with the penalty: 391 steps an epoch, 0.01 for 60
# epochs, a tenth for 20, a hundredth for 20
SLOWER = 0.1  # that 0.01, as a fraction of the 0.1 at which the authors trained the network
RANGES = {"penalty": (0, 1), "alpha": (0, 64), "share": (0, 1)}


@dataclass(frozen=True)
class Knobs:
    penalty: float = 5e-4  # decay of the most important channel, as a weight decay; the authors' for CIFAR-10
    alpha: float = 4.0  # log2 of the least important channel's multiple of it; the paper's
    share: float = 0.5  # of the budget left, for training with the penalty
    ranking: Literal["uniform", "global"] = "global"


def learn(net: nn.Module, problem: Problem, knobs: Knobs) -> Keep:
    """Train with the penalty, then rank what is left of the importance."""
    weights = {group.name: coupled(net, group) for group in problem.groups}
    epochs = knobs.share * problem.epochs
    lr = SLOWER * recipe_lr(problem)
    decay = at_most(knobs.penalty, PAPER, problem, epochs, lr)

    def penalty() -> Tensor:
        importances = [squares(parts) for parts in weights.values()]
        terms = [(strength(i.detach(), knobs.alpha) * i).sum() for i in importances]
        return decay / 2 * torch.stack(terms).sum()  # half, as in weight decay: its gradient is strength * w

    with lengths.kept(net, problem.example):
        problem.fit(net, epochs, penalty=penalty, lr=lr)
        with torch.no_grad():
            importance = {name: squares(parts) for name, parts in weights.items()}
    return keep_by_rank({name: relative(i) for name, i in importance.items()}, problem, knobs.ranking)


def relative(importance: Tensor) -> Tensor:
    """[size]: as a share of the group's largest; 0 where all are 0, so that a dead group goes first."""
    return importance / importance.max().clamp_min(torch.finfo(importance.dtype).tiny)


def strength(importance: Tensor, alpha: float) -> Tensor:
    """[size]: the multiple of the penalty for each channel; 1 where all are alike."""
    gap = importance.max() - importance
    return 2 ** (alpha * gap / gap.max().clamp_min(torch.finfo(gap.dtype).tiny))
