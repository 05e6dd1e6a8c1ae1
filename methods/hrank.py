"""HRank: Lin, Ji, Wang, Zhang, Zhang, Tian and Shao, "HRank: filter pruning using high-rank feature map", CVPR 2020.

Idea: the filters whose feature maps have the lowest rank, averaged over a few images, carry the least information and
go. The importance of channel c is sum over images of rank(a_c), with a_c its map [h, w].
Deviations: the authors' code takes all ranks from the dense network, as here, but then goes from layer to layer: it
masks one and fine-tunes for 15 to 30 epochs before the next. Here all layers are pruned at once and fine-tuned
together, since one budget holds no such number of epochs. The paper sets a rate per layer by hand; here every group
loses the same share. Maps are taken behind the last norm (or layer) of each branch and rectified, whatever the
network's activation; a group with several branches (a residual stream) is scored by the mean over them, where the
authors take the map behind the sum. A linear unit's map is 1 x 1: its rank is 1 where it is active, so units rank by
how often they are. The singular values behind the ranks are charged (methods/core/decomposition.py).
Expected: ResNet-56 on CIFAR-10, 93.17 % at 50.0 % of the MACs (README of the authors' repository, which counts the
inputs of removed channels; their code keeps the epoch that is best on the test set), from 93.26 % (README of CORING).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from methods.core.api import Keep, Problem
from methods.core.decomposition import singular_values
from methods.core.ranking import keep_by_rank, map_scores

TARGETS = ("macs",)
START = "pretrained"
RANGES = {"batches": (1, 100_000)}


@dataclass(frozen=True)
class Knobs:
    batches: int = 4  # of 128 images: the paper's 500; at most a tenth of the budget
    ranking: Literal["uniform", "global"] = "uniform"


def learn(net: nn.Module, problem: Problem, knobs: Knobs) -> Keep:
    """Ranks over a few batches; then one shot."""

    def measure(maps: Tensor) -> Tensor:
        problem.charge(maps.shape[:3].numel() * singular_values(*maps.shape[3:]))
        return ranks(maps)

    return keep_by_rank(map_scores(net, problem, knobs.batches, measure), problem, knobs.ranking)


def ranks(maps: Tensor) -> Tensor:
    """[n, size, k, h, w] -> [size]: the rank of h x w, summed over the images and a channel's k maps."""
    return torch.linalg.matrix_rank(maps).sum((0, 2)).to(maps)
