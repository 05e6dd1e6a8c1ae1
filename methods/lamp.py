"""LAMP: Lee, Park, Mo, Ahn and Shin, "Layer-adaptive sparsity for the magnitude-based pruning", ICLR 2021.

Idea: the squared magnitude, divided by the sum of all squared magnitudes in the layer that are not smaller: what is
removed from a layer relative to what would be left of it. Scores compare across layers without a rate per layer.
Deviations: the paper scores single weights; a channel's magnitude is the L2 norm of its filter, over every writer of
its group (torch_pruning's channel form, of which the figure below is, also counts norms and readers). One shot. Within
a group the order is that of `l2`: what the method decides are the widths, so there is no uniform ranking.
Expected: no channel form in the paper, which has the best accuracy among layer-wise sparsities of single weights. As
channels: ResNet-50 on CIFAR-100 twice as fast, 78.35 -> 76.26, the eleventh of twelve criteria, with at least 10 % of
each group kept (PruningBench's README). A target in MACs empties layers that cost few (LeNet-5's linear ones) before it
is met.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from methods.core.api import Keep, Problem
from methods.core.ranking import keep_by_rank, writer_norm

TARGETS = ("macs",)
START = "pretrained"


@dataclass(frozen=True)
class Knobs:
    pass


def learn(net: nn.Module, problem: Problem, knobs: Knobs) -> Keep:
    """One shot, no training of its own."""
    return keep_by_rank({g.name: lamp(writer_norm(net, g, p=2).square()) for g in problem.groups}, problem, "global")


def lamp(squares: Tensor) -> Tensor:
    """[size] -> [size] in (0, 1]: each square over the sum of itself and all that rank above it; the largest has 1."""
    ordered, order = squares.sort(descending=True, stable=True)
    return torch.zeros_like(squares).index_put((order,), ordered / ordered.cumsum(0).clamp_min(1e-30))
