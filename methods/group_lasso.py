"""Group lasso: Wen, Wu, Wang, Chen and Li, "Learning structured sparsity in deep neural networks", NeurIPS 2016.

Idea: a penalty on the L2 norm, not its square, of every filter while a trained network trains on; it pulls all filters
with the same force, so that small ones reach zero. Those go, and the rest is fine-tuned.
Deviations: the filter-wise term of their structured sparsity learning alone; a channel's slice of the next layer goes
along. The filters of a group with several writers are one vector of the lasso, because they go together. By the
subgradient, as in the authors' code, so that nothing is zero to the last bit: the smallest go until the target is met,
whereas the paper removes what has vanished and takes the size that comes out. The recipe's weight decay stays.
The norm behind a filter cancels its length; there the penalty acts on the order of the filters alone.
Expected: ConvNet on CIFAR-10 and AlexNet on ImageNet lose several times their multiplications at the same or a slightly
better accuracy (the paper's claim); ResNet-56 on CIFAR-10 with such a penalty, 93.53 -> 92.93 at 47.2 % of the MACs
(torch_pruning's reproduction table).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from methods.core.api import Keep, Problem
from methods.core.coupled import Parts, coupled
from methods.core.ranking import keep_by_rank, writer_norm

TARGETS = ("macs",)
START = "pretrained"


@dataclass(frozen=True)
class Knobs:
    penalty: float = 3e-3  # on the sum of the filters' norms; the authors' code's for ConvNet on CIFAR-10
    share: float = 0.5  # of the budget left, for training with the penalty
    ranking: Literal["uniform", "global"] = "uniform"  # the paper has none; lengths of different layers do not compare


def learn(net: nn.Module, problem: Problem, knobs: Knobs) -> Keep:
    """Train with the penalty, then rank the norms."""
    filters = [coupled(net, group, norms=False, readers=False) for group in problem.groups]
    problem.fit(net, knobs.share * problem.epochs, penalty=lambda: knobs.penalty * lasso(filters))
    scores = {g.name: writer_norm(net, g, p=2) / len(g.writers) ** 0.5 for g in problem.groups}
    return keep_by_rank(scores, problem, knobs.ranking)


def lasso(filters: list[Parts]) -> Tensor:
    """The sum of the norms of all channels; its subgradient at zero is zero."""
    return torch.cat([torch.linalg.vector_norm(torch.cat(own(), 1), dim=1) for own in filters]).sum()
