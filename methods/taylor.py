"""Taylor: Molchanov, Mallya, Tyree, Frosio and Kautz, "Importance estimation for neural network pruning", CVPR 2019.

Idea: what the loss would change by without a channel, to first order: the squared gradient of a gate of 1 behind its
norm, (sum of gradient * weight)^2 over the norm's scale and bias, averaged over mini-batches (their Taylor-FO-BN).
Score of a channel: mean over mini-batches of (gamma dL/dgamma + beta dL/dbeta)^2.
Deviations: one shot, where the paper removes 100 channels every 30 mini-batches and trains on between. Without a
norm the gate stands behind the layer. A residual stream has one gate on all its branches, so that the contributions
add before they are squared, as the paper's equation for sets of parameters asks. The authors' gate stands behind every
sum of a stage, so that a branch counts once for each block behind it, and they divide the score by the blocks
(pruning_engine.py, method 22). Here a branch counts once. The network is in evaluation mode, so that its running
statistics stay.
Expected: ResNet-101 on ImageNet loses 0.02 points at 60 % of the MACs (their abstract). One threshold
empties layers that cost few MACs (LeNet-5's linear ones) before the target is met: there rank uniformly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from methods.core import gates
from methods.core.api import Keep, Problem
from methods.core.ranking import few_batches, keep_by_rank

TARGETS = ("macs",)
START = "pretrained"
RANGES = {"batches": (1, 10000)}


@dataclass(frozen=True)
class Knobs:
    batches: int = 30  # mini-batches that the score is averaged over, the authors'; at most a tenth of the budget
    ranking: Literal["uniform", "global"] = "global"


def learn(net: nn.Module, problem: Problem, knobs: Knobs) -> Keep:
    """Gradients of the gates over a few batches; then one shot."""
    device = next(net.parameters()).device
    gate = {g.name: torch.ones(g.size, device=device, requires_grad=True) for g in problem.groups}
    scores = {name: torch.zeros_like(ones) for name, ones in gate.items()}
    for batch in few_batches(net, problem, knobs.batches, state=scores):
        loss = problem.loss(net, batch, gates.scaled(net, problem.groups, gate))
        gradients = torch.autograd.grad(loss, list(gate.values()))
        for score, gradient in zip(scores.values(), gradients, strict=True):
            score += gradient.square()
    return keep_by_rank(scores, problem, knobs.ranking)
