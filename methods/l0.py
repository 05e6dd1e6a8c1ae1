"""L0 regularisation: Louizos, Welling and Kingma, "Learning sparse neural networks through L0 regularization",
ICLR 2018.

Idea: every channel has a random gate of the hard concrete distribution, which is exactly 0 or 1 with a probability
that can be learned; the expected number of parameters behind open gates is the penalty. Gates that are closed when
the noise is taken away go.
Deviations: the penalty is the paper's lambda = 0.1 / N per parameter, N the images of an epoch, but it has tens of
epochs to work where the paper has 200: the gates therefore have a higher learning rate of their own, and begin further
open (with 0.3 closed, LeNet-5 on digits hardly learns in this time). The weights decay by the recipe, not in
proportion to their gate's probability. No averaging of the weights over the steps.
Expected: LeNet-5 on MNIST, 20-50-800-500 -> 20-25-45-462 at 0.9 % error with lambda = 0.1 / N (their table 1).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from methods.core import gates
from methods.core.api import Group, Keep, Problem

TARGETS = ("free",)
START = "init"
BETA, GAMMA, ZETA = 2 / 3, -0.1, 1.1  # temperature and the ends of the stretched interval, the paper's
BOUND = math.log(100)  # |log alpha| stays below, as in the authors' code


@dataclass(frozen=True)
class Knobs:
    penalty: float = 0.1  # lambda * N, on the expected number of parameters; the paper's for both networks on MNIST
    closed: float = 0.1  # 1 - sigmoid(log alpha) at the start (the paper: 0.5, 0.3 in wide residual networks)
    lr: float = 2.0  # of log alpha, at the start of the schedule
    share: float = 0.7  # of the budget, for learning the gates


class HardConcrete(nn.Module):
    """A gate per channel of every group; `log_alpha` [channels of all groups]."""

    def __init__(self, groups: Sequence[Group], closed: float, generator: torch.Generator) -> None:
        super().__init__()
        self.sizes = {group.name: group.size for group in groups}
        draw = torch.randn(sum(self.sizes.values()), generator=generator)
        self.log_alpha = nn.Parameter(math.log((1 - closed) / closed) + 0.01 * draw)

    def sample(self, generator: torch.Generator) -> dict[str, Tensor]:
        """Group name -> gates in [0, 1], one draw (the paper's equations 10 and 11)."""
        noise = torch.rand(self.log_alpha.shape, generator=generator).clamp(1e-6, 1 - 1e-6).logit()
        return self._stretched((noise.to(self.log_alpha) + self.log_alpha) / BETA)

    def settled(self) -> dict[str, Tensor]:
        """Group name -> gates without noise (equation 13)."""
        return self._stretched(self.log_alpha)

    def open(self) -> Tensor:
        """[channels of all groups]: the probability that a gate is not 0 (equation 12)."""
        return torch.sigmoid(self.log_alpha - BETA * math.log(-GAMMA / ZETA))

    def _stretched(self, logits: Tensor) -> dict[str, Tensor]:
        z = (torch.sigmoid(logits) * (ZETA - GAMMA) + GAMMA).clamp(0, 1)
        return dict(zip(self.sizes, z.split(list(self.sizes.values())), strict=True))


def learn(net: nn.Module, problem: Problem, knobs: Knobs) -> Keep:
    """Weights and gates by the same steps; then the gates lose their noise."""
    device = next(net.parameters()).device
    gate = HardConcrete(problem.groups, knobs.closed, problem.rng).to(device)
    behind = parameters_behind(net, problem.groups).to(device)
    optimizers = problem.optimizer(net), problem.optimizer(gate, lr=knobs.lr)
    net.train()
    for batch in problem.batches(knobs.share * problem.epochs, state=(net, gate, optimizers)):
        images = problem.epoch_steps * len(batch.labels)
        loss = problem.loss(net, batch, gates.scaled(net, problem.groups, gate.sample(problem.rng)))
        loss = loss + knobs.penalty / images * (behind * gate.open()).sum()
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
        gate.log_alpha.data.clamp_(-BOUND, BOUND)
    factors = gate.settled()
    gates.fold(net, problem.groups, factors)
    return {name: (factor > 0).cpu() for name, factor in factors.items()}


def parameters_behind(net: nn.Module, groups: Sequence[Group]) -> Tensor:
    """[channels of all groups]: how many weights and biases of the layers that write the group a channel has."""
    modules = dict(net.named_modules())
    counts = []
    for group in groups:
        count = 0
        for site in group.writers:
            layer = modules[site.module]
            count += site.index.shape[1] * (layer.weight[0].numel() + (layer.bias is not None))
        counts.append(torch.full((group.size,), float(count)))
    return torch.cat(counts)
