"""CHIP: Sui, Yin, Xie, Phan, Aliari Zonouz and Yuan, "CHIP: CHannel Independence-based Pruning for compact neural
networks", NeurIPS 2021.

Idea: a channel whose feature map depends on those of the others can be replaced by them. Independence is what the
nuclear norm of the layer's matrix of maps (a row a channel) loses when the channel's row is set to zero, averaged over
a few images; the least independent go. With A [channels, h w] the maps of an image, the importance of channel c is the
sum over images of ||A||* - ||A with row c zero||*.
Deviations: the paper sets a rate per layer by hand; here every group loses the same share. Maps are taken behind the
last norm (or layer) of each branch and rectified, whatever the network's activation; a group with several branches (a
residual stream) is scored by the mean over them, where the authors take the map behind the sum. The maps of a linear
layer are one column, whose nuclear norm is its length: there the units with the smallest activations go. The
decompositions, which cost 1.4 times ResNet-20's forward and backward pass, are charged (methods/core/decomposition.py).
Expected: ResNet-56 on CIFAR-10, 93.26 -> 94.16 at 52.6 % of the MACs (as the table in the README of CORING,
github.com/pvti/CORING, quotes the paper; the authors' README has no results).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from methods.core.api import Keep, Problem
from methods.core.decomposition import singular_values, triangle
from methods.core.ranking import keep_by_rank, map_scores

TARGETS = ("macs",)
START = "pretrained"
RANGES = {"batches": (1, 100_000)}
AT_ONCE = 2**22  # numbers in the matrices that are decomposed at once


@dataclass(frozen=True)
class Knobs:
    batches: int = 5  # of 128 images, the authors'; at most a tenth of the budget
    ranking: Literal["uniform", "global"] = "uniform"


def learn(net: nn.Module, problem: Problem, knobs: Knobs) -> Keep:
    """Independence over a few batches; then one shot."""

    def measure(maps: Tensor) -> Tensor:
        problem.charge(len(maps) * macs(maps.shape[1], maps.shape[2:].numel()))
        return independence(maps)

    return keep_by_rank(map_scores(net, problem, knobs.batches, measure), problem, knobs.ranking)


def macs(size: int, columns: int) -> float:
    """Of `independence`, for one image: a nuclear norm with all rows, and one without each."""
    reduced = triangle(columns, size) if columns > size else 0.0
    return reduced + (size + 1) * singular_values(size, min(size, columns))


def independence(maps: Tensor) -> Tensor:
    """[n, size, k, h, w] -> [size]: what the nuclear norm loses with each channel, summed over the images."""
    rows = maps.flatten(2)
    if rows.shape[2] > rows.shape[1]:  # the same singular values, with and without any row, in fewer columns
        rows = torch.linalg.qr(rows.mT, mode="r").R.mT
    masked: list[Tensor] = []
    for gone in torch.eye(maps.shape[1], dtype=torch.bool, device=rows.device).split(max(1, AT_ONCE // rows.numel())):
        masked += [own.sum() for own in torch.linalg.svdvals(rows.masked_fill(gone[:, None, :, None], 0))]
    return torch.linalg.svdvals(rows).sum() - torch.stack(masked)
