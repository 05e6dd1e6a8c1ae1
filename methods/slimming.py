"""Network slimming: Liu, Li, Shen, Huang, Yan and Zhang, "Learning efficient convolutional networks through network
slimming", ICCV 2017.

Idea: an L1 penalty on the scale gamma of every normalisation while training from scratch; then the channels with the
smallest |gamma| of the whole network are removed, and the rest is fine-tuned.
Equation: loss = cross-entropy + lambda * sum of |gamma|.
Strength: the authors' lambda of 1e-4 (VGG; 1e-5 for ResNet and DenseNet) is for 160 epochs of 782 steps at rates of
0.1, 0.01 and 0.001: a gamma that the loss does not need is at 0 after some 5,000 of the 125,000 steps. In a short run
lambda is raised until such a gamma is at 0 after half of the steps (methods/core/penalty.py, `reaching`). gamma
begins at 0.5, as in the paper.
Deviations: a group that several norms share (a residual stream) is scored by the mean of their scales. Each channel of
a layer without a norm gets a trainable factor, which begins at 1 and has a fiftieth of the penalty: with more, LeNet-5
collapses before its loss falls. The paper warns that such a factor does not measure importance, because the weights can
grow as it shrinks. One threshold over factors and scales may therefore empty a layer (LeNet-5's linear ones); `ranking:
uniform` does not. Training with the penalty and fine-tuning share the budget. The penalty's subgradient at 0 is 0, as
in the authors' code; gamma does not decay (theirs by 1e-4).
Expected: VGG-19 on CIFAR-10, 93.66 -> 93.80 with 70 % of the channels removed (their table 1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from methods.core import gates
from methods.core.api import Group, Keep, Problem
from methods.core.penalty import BARE, reaching
from methods.core.ranking import keep_by_rank
from methods.core.structure.layers import norms_with_scale

TARGETS = ("macs",)
START = "init"
RANGES = {"penalty": (0, 1), "share": (0, 1)}
FIRST = 0.5  # gamma at the start, the paper's


@dataclass(frozen=True)
class Knobs:
    penalty: float = 1e-4  # lambda, for the authors' training; theirs for VGG (1e-5 for ResNet and DenseNet)
    share: float = 0.5  # of the budget, for training with the penalty
    ranking: Literal["uniform", "global"] = "global"


def learn(net: nn.Module, problem: Problem, knobs: Knobs) -> Keep:
    """Train with the penalty, then rank the scales."""
    modules = dict(net.named_modules())
    device = next(net.parameters()).device
    norms = {g.name: norms_with_scale(net, g) for g in problem.groups}
    bare = [g for g in problem.groups if not norms[g.name]]
    factors = nn.ParameterDict({str(i): nn.Parameter(torch.ones(g.size)) for i, g in enumerate(bare)}).to(device)
    own = {g.name: factors[str(i)] for i, g in enumerate(bare)}

    def scales(group: Group) -> Tensor:
        """[norms, size]."""
        if group.name in own:
            return own[group.name][None]
        return torch.stack([modules[s.module].weight[s.index].mean(1) for s in norms[group.name]])

    for site in (site for group in problem.groups for site in norms[group.name]):
        nn.init.constant_(modules[site.module].weight, FIRST)
    epochs = knobs.share * problem.epochs
    penalty = reaching(knobs.penalty, FIRST, problem, epochs)
    weight = {g.name: BARE if g.name in own else 1.0 for g in problem.groups}
    problem.fit(
        net,
        epochs,
        penalty=lambda: penalty * torch.stack([weight[g.name] * scales(g).abs().sum() for g in problem.groups]).sum(),
        params=lambda: gates.scaled(net, bare, own),
        trained=factors,
    )
    scores = {g.name: scales(g).detach().abs().mean(0) for g in problem.groups}
    gates.fold(net, bare, own)
    return keep_by_rank(scores, problem, knobs.ranking)
