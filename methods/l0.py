"""L0 regularisation: Louizos, Welling and Kingma, "Learning sparse neural networks through L0 regularization",
ICLR 2018.

Idea: every channel has a random gate z of the hard concrete distribution, which is exactly 0 or 1 with a probability
that can be learned; the expected number of parameters behind open gates is the penalty. Gates that are closed when the
noise is taken away go. As in the authors' code a gate stands on the outputs of a convolution and is charged its weights
and bias (there the bias has the wrong sign), and on the inputs of a fully connected layer and is charged the weights
that leave the unit: 10 for each of the 500 units of LeNet-5 on MNIST.
Loss: cross-entropy + lambda / N * sum over gates of P(z > 0) * parameters.
Strength: lambda / N is that of the paper's LeNet-5, 0.1 over the images of an epoch, in every run: it is the price of a
parameter in nats of the mean loss. As in the authors' LeNet-5 the gates learn by Adam, whose steps do not grow with the
penalty, at 0.02 in place of 0.001, since a run here has 10^2 to 10^4 steps and theirs 120,000. At 0.05 LeNet-5 in a run
of 780 steps closes its gates before its weights have learned anything. The authors' wide residual networks have 0.001 /
N, for layers whose channels have up to ten times the weights (train_wide_resnet.py).
Deviations: the authors' residual networks have gates in front of the norm behind the first convolution of a block, and
none on the streams, which have gates here like any group, behind the norm. Gates begin further open (`closed`): with
0.3 closed, LeNet-5 on digits hardly learns in a short run. The authors' LeNet-5 also has a gate on each of the 800
features between convolutions and fully connected layers; a feature is no channel here and has none. The weights decay
by the recipe, not in proportion to their gate's probability. No averaging of the weights over the steps.
Expected: LeNet-5 on MNIST, 20-50-800-500 -> 20-25-45-462 at 0.9 % error with lambda = 0.1 / N (their table 1).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from methods.core import gates
from methods.core.api import Factors, Group, Keep, Problem

TARGETS = ("free",)
START = "init"
RANGES = {"penalty": (0, 1000), "closed": (0.01, 0.99), "lr": (1e-6, 1000), "share": (0, 1)}
BETA, GAMMA, ZETA = 2 / 3, -0.1, 1.1  # temperature and the ends of the stretched interval, the paper's
BOUND = math.log(100)  # |log alpha| stays below, as in the authors' code


@dataclass(frozen=True)
class Knobs:
    penalty: float = 0.1  # lambda, on the expected number of parameters; the paper's for both networks on MNIST
    closed: float = 0.1  # 1 - sigmoid(log alpha) at the start (the paper: 0.5, 0.3 in wide residual networks)
    lr: float = 0.02  # of log alpha, by Adam (the authors: 0.001)
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
    optimizers = problem.optimizer(net), torch.optim.Adam(gate.parameters(), lr=knobs.lr)
    net.train()
    for batch in problem.batches(knobs.share * problem.epochs, state=(net, gate, optimizers)):
        loss = problem.loss(net, batch, gated(net, problem.groups, gate.sample(problem.rng)))
        images = problem.epoch_steps * len(batch.labels)
        loss = loss + knobs.penalty / images * (behind * gate.open()).sum()
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
        gate.log_alpha.data.clamp_(-BOUND, BOUND)
    factors = gate.settled()
    gates.write(net, gated(net, problem.groups, factors))
    return {name: (factor > 0).cpu() for name, factor in factors.items()}


def units(net: nn.Module, group: Group) -> bool:
    """Whether the group is of units between fully connected layers, which the readers' gates close."""
    return all(isinstance(net.get_submodule(site.module), nn.Linear) for site in group.writers)


def gated(net: nn.Module, groups: Sequence[Group], factors: Factors) -> dict[str, Tensor]:
    """The parameters of `net` that gates touch, multiplied by them: outputs of convolutions, inputs of other layers."""
    maps = [group for group in groups if not units(net, group)]
    rest = [group for group in groups if units(net, group)]
    return gates.scaled(net, maps, factors) | gates.scaled(net, rest, factors, "behind_activation")


def parameters_behind(net: nn.Module, groups: Sequence[Group]) -> Tensor:
    """[channels of all groups]: the weights and biases that write a map, or the weights that read a unit."""
    modules = dict(net.named_modules())
    counts = []
    for group in groups:
        count = 0
        for site in group.readers if units(net, group) else group.writers:
            layer = modules[site.module]
            own = (
                layer.weight[:, 0].numel() if units(net, group) else layer.weight[0].numel() + (layer.bias is not None)
            )
            count += site.index.shape[1] * own
        counts.append(torch.full((group.size,), float(count)))
    return torch.cat(counts)
