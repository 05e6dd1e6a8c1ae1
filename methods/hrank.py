"""HRank: Lin, Ji, Wang, Zhang, Zhang, Tian and Shao, "HRank: filter pruning using high-rank feature map", CVPR 2020.

Idea: the filters whose feature maps have the lowest rank, averaged over a few images, carry the least information and
go.
Deviations: the paper sets a rate per layer by hand; here every group loses the same share. Maps are taken behind the
last norm (or layer) of each branch and rectified, whatever the network's activation; a group with several branches
(a residual stream) is scored by the mean over them. The map of a linear unit is 1 x 1: its rank is 1 where it is
active, so units rank by how often they are.
Expected: ResNet-56 on CIFAR-10, 93.26 -> 93.17 at 50.0 % of the MACs (the authors' repository).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from methods.core.api import Keep, Problem
from methods.core.ranking import keep_by_rank, map_scores

TARGETS = ("macs",)
START = "pretrained"


@dataclass(frozen=True)
class Knobs:
    batches: int = 4  # of 128 images: the paper's 500; at most a tenth of the budget
    ranking: Literal["uniform", "global"] = "uniform"


def learn(net: nn.Module, problem: Problem, knobs: Knobs) -> Keep:
    """Ranks over a few batches; then one shot."""
    return keep_by_rank(map_scores(net, problem, knobs.batches, ranks), problem, knobs.ranking)


def ranks(maps: Tensor) -> Tensor:
    """[n, size, k, h, w] -> [size]: the rank of h x w, summed over the images and a channel's k maps."""
    return torch.linalg.matrix_rank(maps).sum((0, 2)).to(maps)
