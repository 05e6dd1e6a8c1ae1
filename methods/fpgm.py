"""FPGM: He, Liu, Wang, Hu and Yang, "Filter pruning via geometric median for deep convolutional neural networks
acceleration", CVPR 2019.

Idea: a filter near the geometric median of its layer can be replaced by the others: those with the smallest sum of
distances to all other filters go, however large they are.
Deviations: one shot and fine-tuning, where the paper chooses anew after every epoch and lets filters grow back, as
soft filter pruning does, while their code masks the gradients of chosen filters. Their code also removes a share of
the filters by the L2 norm (`rate_norm`), which is `norm` here; their scripts for FPGM leave it out (rate_norm 1), and
so does the default. A group with several writers (a residual stream) is one vector of all their weights.
Expected: ResNet-56 on CIFAR-10, 93.59 -> 93.26 at 59 % of the MACs as torch_pruning's reproduce/readme.md
quotes it; table 1 of DHP's paper has the same accuracy at 47.7 %.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from methods.core.api import Keep, Problem
from methods.core.ranking import keep_by_rank, writer_weights

TARGETS = ("macs",)
START = "pretrained"
RANGES = {"norm": (0, 1)}


@dataclass(frozen=True)
class Knobs:
    norm: float = 0.0  # share of the removed filters that the L2 norm chooses: 0.25 is the paper's FPGM-mix
    ranking: Literal["uniform", "global"] = "uniform"  # a mix is by turns within the group, so always uniform


def learn(net: nn.Module, problem: Problem, knobs: Knobs) -> Keep:
    """One shot, no training of its own."""
    weights = {g.name: writer_weights(net, g) for g in problem.groups}
    scores = {name: distances(own) for name, own in weights.items()}
    if not knobs.norm:
        return keep_by_rank(scores, problem, knobs.ranking)
    turns = {name: in_turn(score, weights[name].norm(dim=1), knobs.norm) for name, score in scores.items()}
    return keep_by_rank(turns, problem)


def distances(weights: Tensor) -> Tensor:
    """[size, weights] -> [size]: the sum of the Euclidean distances of each filter to all others."""
    return torch.cdist(weights, weights, compute_mode="donot_use_mm_for_euclid_dist").sum(1)


def in_turn(one: Tensor, other: Tensor, share: float) -> Tensor:
    """[size]: the turn in which each filter goes, where `share` of the turns go to the lowest `other`, the rest to the
    lowest `one`."""
    queues = [score.argsort(stable=True).tolist() for score in (one, other)]
    turns = torch.full((len(one),), -1)
    for turn in range(len(one)):
        queue = queues[int((turn + 1) * share) > int(turn * share)]
        turns[next(filter_ for filter_ in queue if turns[filter_] < 0)] = turn
    return turns
