"""Group lasso: Wen, Wu, Wang, Chen and Li, "Learning structured sparsity in deep neural networks", NeurIPS 2016.

Idea: a penalty on the L2 norm, not its square, of every filter while a trained network trains on. It pulls all filters
with the same force, so that small ones reach zero. Those go, and the rest is fine-tuned.
Loss: cross-entropy + lambda * sum over filters of ||w||.
Strength: the authors' solver for ConvNet (branch scnn, cifar10_full_grouplasso_solver.prototxt) runs 300,000 steps at
rates of 1e-4, 1e-5 and 1e-6, whose sum is 26.2, and lists lambda (`breadth_decay`) from 1e-4 to 0.02 to choose from;
for AlexNet it is 1e-3. Here lambda is 3e-3, within that list, rescaled to the run's own sum (methods/core/penalty.py).
Deviations: the filter-wise term of structured sparsity learning alone; a channel's slice of the next layer goes along.
Linear layers have it, too, which the authors' ConvNet does not. The filters of a group with several writers are one
vector of the lasso, because they go together. The lasso is taken by the subgradient, and weights below 1e-4 are set to
zero after every step, both as in the authors' code. The smallest filters go until the target is met; the paper removes
what has vanished and takes the size that comes out. The recipe's weight decay stays. A norm behind a filter cancels its
length; there the penalty acts on the order of the filters alone, which get their lengths back before fine-tuning
(methods/core/lengths.py).
Expected: AlexNet on ImageNet saves 30 to 40 % of its FLOPs without a loss and 60 to 70 % with less than 1.5 points, by
a finer term than the filter-wise one (docs/Poster_Wen_NIPS2016.pdf, branch scnn of the authors' repository); the
paper's table for ConvNet was not checked. ResNet-56 on CIFAR-10 with a comparable penalty, 93.53 ->
92.93 at 47.2 % of the MACs (Group-SL in torch_pruning's reproduce/readme.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from methods.core import lengths
from methods.core.api import Keep, Problem
from methods.core.coupled import Parts, coupled
from methods.core.penalty import rescaled
from methods.core.ranking import keep_by_rank, writer_norm

TARGETS = ("macs",)
START = "pretrained"
PAPER = 26.2  # sum of the learning rates of the authors' training with the penalty, on CIFAR-10
ZERO = 1e-4  # |weight| below which a weight is set to zero, the authors'
RANGES = {"penalty": (0, 1), "share": (0, 1)}


@dataclass(frozen=True)
class Knobs:
    penalty: float = 3e-3  # lambda, on the sum of the filters' norms, for the authors' training
    share: float = 0.5  # of the budget left, for training with the penalty
    ranking: Literal["uniform", "global"] = "uniform"  # the paper has none; lengths of different layers do not compare


def learn(net: nn.Module, problem: Problem, knobs: Knobs) -> Keep:
    """Train with the penalty, then rank the norms."""
    filters = [coupled(net, group, norms=False, readers=False) for group in problem.groups]
    writers = {site.module for group in problem.groups for site in group.writers}
    weights = [net.get_parameter(f"{name}.weight") for name in sorted(writers)]
    epochs = knobs.share * problem.epochs
    penalty = rescaled(knobs.penalty, PAPER, problem, epochs)
    with lengths.kept(net, problem.example):
        problem.fit(net, epochs, penalty=lambda: penalty * lasso(filters), after_step=lambda: zero(weights))
        scores = {g.name: writer_norm(net, g, p=2) / len(g.writers) ** 0.5 for g in problem.groups}
    return keep_by_rank(scores, problem, knobs.ranking)


def lasso(filters: list[Parts]) -> Tensor:
    """The sum of the norms of all channels; its subgradient at zero is zero."""
    return torch.cat([torch.linalg.vector_norm(torch.cat(own(), 1), dim=1) for own in filters]).sum()


@torch.no_grad()
def zero(weights: Sequence[Tensor]) -> None:
    """Set what is almost zero to zero, in place."""
    for weight in weights:
        weight.masked_fill_(weight.abs() < ZERO, 0.0)
