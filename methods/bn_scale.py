"""BN scale: Liu, Li, Shen, Huang, Yan and Zhang, "Learning efficient convolutional networks through network slimming",
ICCV 2017.

Idea: the channels whose normalisation has the smallest scale |gamma| over the whole network are removed. It is
the criterion of network slimming on an ordinarily trained network, without the penalty (`slimming` is the whole
method).
Deviations: no training with the penalty: that is the point. A group that several norms share (a residual stream)
is scored by the mean of their scales. A network with channels that no norm scales is refused.
Expected: below `slimming`: the paper argues that without the penalty there are few scales near zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from methods.core.api import Group, Keep, Problem, Unsupported
from methods.core.ranking import keep_by_rank

TARGETS = ("macs",)
START = "pretrained"
NO_PROMISE = ("plain", "residual")  # without a penalty, a scale says nothing of a channel that puts out nothing


@dataclass(frozen=True)
class Knobs:
    ranking: Literal["uniform", "global"] = "global"


def learn(net: nn.Module, problem: Problem, knobs: Knobs) -> Keep:
    """One shot, no training of its own."""
    return keep_by_rank({g.name: scale(net, g) for g in problem.groups}, problem, knobs.ranking)


def scale(net: nn.Module, group: Group) -> Tensor:
    """[size]: the mean of |gamma| over the norms of the group."""
    parameters = dict(net.named_parameters())
    gammas = [parameters.get(f"{site.module}.weight") for site in group.norms]
    scales = [g.detach()[s.index].abs().mean(1) for g, s in zip(gammas, group.norms, strict=True) if g is not None]
    if not scales:
        raise Unsupported(f"the channels of {group.name} have no normalisation whose scale could rank them")
    return torch.stack(scales).mean(0)
