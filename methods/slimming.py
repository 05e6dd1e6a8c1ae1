"""Network slimming: Liu, Li, Shen, Huang, Yan and Zhang, "Learning efficient convolutional networks through network
slimming", ICCV 2017.

Idea: an L1 penalty on the scale of every normalisation, while training from scratch; then the channels whose
scales are smallest over the whole network go, and the rest is fine-tuned.
Deviations: a group that several norms share (a residual stream) is scored by the mean of their scales. Layers
without a norm get a factor of their own, which is an extension: the paper warns that such a factor says nothing of
a channel's importance, because the weights beside it can grow as it shrinks. One threshold over factors and scales
may then empty a layer (LeNet-5's linear ones); with `ranking: uniform` none is. The budget is split between the two
trainings. The penalty's subgradient at 0 is 0, as in the authors' code.
Expected: VGG-19 on CIFAR-10, 93.66 -> 93.80 with 70 % of the channels removed (their table 1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from methods.core import gates
from methods.core.api import Group, Keep, Problem
from methods.core.ranking import keep_by_rank

TARGETS = ("macs",)
START = "init"


@dataclass(frozen=True)
class Knobs:
    penalty: float = 1e-4  # on the sum of |scale|; the paper's for VGG (1e-5 for ResNet and DenseNet)
    share: float = 0.5  # of the budget, for training with the penalty
    ranking: Literal["uniform", "global"] = "global"


def learn(net: nn.Module, problem: Problem, knobs: Knobs) -> Keep:
    """Train with the penalty, then rank the scales."""
    modules = dict(net.named_modules())
    device = next(net.parameters()).device
    bare = [g for g in problem.groups if not g.norms]
    factors = nn.ParameterDict({str(i): nn.Parameter(torch.ones(g.size)) for i, g in enumerate(bare)}).to(device)
    own = {g.name: factors[str(i)] for i, g in enumerate(bare)}

    def scales(group: Group) -> Tensor:
        """[norms, size]."""
        if group.name in own:
            return own[group.name][None]
        return torch.stack([modules[s.module].weight[s.index].mean(1) for s in group.norms])

    problem.fit(
        net,
        knobs.share * problem.epochs,
        penalty=lambda: knobs.penalty * torch.stack([scales(g).abs().sum() for g in problem.groups]).sum(),
        params=lambda: gates.scaled(net, bare, own),
        trained=factors,
    )
    scores = {g.name: scales(g).detach().abs().mean(0) for g in problem.groups}
    gates.fold(net, bare, own)
    return keep_by_rank(scores, problem, knobs.ranking)
