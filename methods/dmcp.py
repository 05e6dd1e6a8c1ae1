"""Differentiable Markov channel pruning: Guo, Wang, Li and Yan, "DMCP: differentiable Markov channel pruning for
neural networks", CVPR 2020.

Idea: channel block k is kept with probability p_k if block k - 1 is. Its marginal probability p_1 p_2 ... p_k scales
its channels, so that the loss L + lambda log |E[MACs] - target| can be differentiated in the p. In turn with them the
weights learn by the sandwich rule: the whole network learns the labels; the narrowest, and two that are drawn from the
process, learn what it puts out. The network of the expected widths is trained from new weights.
As in the authors' code (github.com/Zx55/dmcp): p = sigmoid(alpha) with alpha 0 at the start, a tenth of a group always
stays and nine blocks share the rest, alpha learns by SGD from half of the search on, and MACs above the target are
drawn to 0.95 of it.
Deviations: where nine tenths of a group are no multiple of nine, blocks are of unequal size (the authors': equal ones,
so that more stays, 7 of 16 channels). Alpha learns faster, since it begins far from any target and has few steps:
ResNet-8 in a run of 780 begins at 5 % of its MACs, and is at a target of 50 % after 120 of its 195 steps. Its rate
falls from 2.3 to 0 (the authors': from 0.5 to 0.1), that of the weights to 0 (theirs: to a sixth). Random widths are
any between the narrowest and the whole (theirs: ten). The expected widths are scaled to meet the target, which they
come near. The two drawn networks are of the process, as in the paper; in the authors' code each is of random widths
with a probability that is multiplied by 0.9999 for each of them in every tenth step. Search and training share one
budget, half for each by default; with `budget: paper` the found network is trained for all epochs.
Expected: MobileNetV2 on ImageNet, 72.30 -> 71.94 at 209 of 319 MMACs (README of MMRazor's implementation, which takes
the first for its supernet). The README of the authors' code has 71.6 % at 211 and 73.5 % at 300 MMACs, without a dense
figure, and says that these may differ from the paper's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from methods.core import gates
from methods.core.api import Factors, Keep, Problem
from methods.core.widths import PASSES, learn_widths, masks, random_widths, widths_for

TARGETS = ("macs",)
START = "init"
RETRAIN = "scratch"
NO_PROMISE = ("plain", "residual", "norm-free")  # it finds widths and keeps the first channels of each group
RANGES = {
    "share": (0.0, 0.95), "warmup": (0.0, 1.0), "blocks": (1, 10_000), "least": (0.0, 1.0), "penalty": (0.0, 100.0),
    "lr": (0.0, 100.0),
}  # fmt: skip
BAND = 0.95  # of the target: expected MACs from here to the target are near enough


@dataclass(frozen=True)
class Knobs:
    share: float = 0.5  # of the budget, for the search
    warmup: float = 0.5  # of the search, before the architecture learns
    blocks: int = 9  # of channels in a group, at most, behind the least
    least: float = 0.1  # of a group's channels always stay
    penalty: float = 0.1  # on log |expected MACs - target|
    lr: float = 4.0  # of alpha, at the start of the search's schedule, where it waits (the authors: 0.5)
    budget: Literal["shared", "paper"] = "shared"  # "paper": all epochs again for the found network


class Markov(nn.Module):
    """The processes of all groups: p = sigmoid(alpha) [blocks]; the first block, the least channels, always stays."""

    def __init__(self, problem: Problem, knobs: Knobs, device: torch.device) -> None:
        super().__init__()
        self.block = {}  # group name -> [size]: the block of each channel, 0 = the first
        self.alpha = nn.ParameterList()
        for group in problem.groups:
            least = max(1, round(knobs.least * group.size))
            free = torch.arange(group.size - least, device=device)
            blocks = min(knobs.blocks, len(free))
            self.block[group.name] = torch.cat([free.new_zeros(least), 1 + free * blocks // max(1, len(free))])
            self.alpha.append(nn.Parameter(torch.zeros(blocks, device=device)))

    def marginals(self) -> dict[str, Tensor]:
        """Group name -> [size]: the probability that a channel is kept."""
        return self._spread([torch.sigmoid(alpha) for alpha in self.alpha])

    def draw(self, generator: torch.Generator) -> dict[str, Tensor]:
        """Group name -> [size] of 0 and 1: one run of the process."""
        noise = torch.cat([torch.rand(alpha.shape, generator=generator) for alpha in self.alpha]).to(self.alpha[0])
        own = noise.split([len(alpha) for alpha in self.alpha])
        return self._spread([(u < torch.sigmoid(a)).to(a) for u, a in zip(own, self.alpha, strict=True)])

    def least(self) -> dict[str, Tensor]:
        """Group name -> [size]: 1 in the first block."""
        return {name: (block == 0).to(self.alpha[0]) for name, block in self.block.items()}

    def _spread(self, transitions: list[Tensor]) -> dict[str, Tensor]:
        """The products along each chain, for every channel of a block."""
        chains = [torch.cat([p.new_ones(1), p.cumprod(0)]) for p in transitions]
        return {name: chain[block] for (name, block), chain in zip(self.block.items(), chains, strict=True)}


def learn(net: nn.Module, problem: Problem, knobs: Knobs) -> Keep:
    """Weights alone, then weights and processes in turn; then the expected widths."""
    process = Markov(problem, knobs, next(net.parameters()).device)
    optimizer, architect = problem.optimizer(net), problem.optimizer(process, lr=knobs.lr)
    state = (net, process, optimizer, architect)
    net.train()
    for batch in problem.batches(knobs.warmup * problem.epochs, state=state):
        drawn = [masks(net, random_widths(problem, knobs.least)) for _ in range(2)]
        learn_widths(net, problem, batch, optimizer, [process.least(), *drawn])
    cost = ExpectedCost(problem)
    for batch in problem.batches(problem.epochs, state=state):
        learn_widths(net, problem, batch, optimizer, [process.least(), *(process.draw(problem.rng) for _ in range(2))])
        loss = problem.loss(net, batch, gates.scaled(net, problem.groups, marginals := process.marginals()))
        loss = loss + knobs.penalty * cost.distance(marginals)
        architect.zero_grad()
        loss.backward(inputs=[*process.alpha])
        architect.step()
        problem.charge(PASSES * problem.macs(problem.everything()) * len(batch.labels))
    shares = torch.stack([marginal.mean() for marginal in process.marginals().values()])
    return widths_for(shares.detach().cpu(), problem)


class ExpectedCost:
    """Expected MACs, as a fraction of the dense network's: 1 + linear . r + r . cross r / 2.

    r [groups] are the channels that a group is expected to have lost. A layer's MACs are its inputs times its outputs,
    which are of different groups, independent of each other: so this is exact.
    """

    def __init__(self, problem: Problem) -> None:
        assert problem.target is not None
        names = [group.name for group in problem.groups]
        dense = problem.macs(problem.everything())

        def lost(*groups: str) -> float:
            """With the first channel of each of these; with the first two of one that is named twice."""
            keep = problem.everything()
            for name in groups:
                keep[name][: groups.count(name)] = False
            return problem.macs(keep) / dense - 1

        linear = torch.tensor([lost(name) for name in names], dtype=torch.float64)
        both = torch.tensor([[lost(a, b) for b in names] for a in names], dtype=torch.float64)
        cross = (both - linear - linear[:, None]).fill_diagonal_(0)
        self.linear, self.cross = linear.to(problem.example.device), cross.to(problem.example.device)
        self.target = problem.target

    def expected(self, marginals: Factors) -> Tensor:
        """MACs for group name -> [size], the groups in the problem's order."""
        lost = torch.stack([(1 - marginal.double()).sum() for marginal in marginals.values()])
        return 1 + self.linear @ lost + lost @ self.cross @ lost / 2

    def distance(self, marginals: Factors) -> Tensor:
        """log |expected - target|, above the target to its band's lower end; without a gradient within the band."""
        macs = self.expected(marginals)
        aim = torch.where(macs > self.target, BAND * self.target, self.target).to(macs)
        near = (macs >= BAND * self.target) & (macs <= self.target)
        return torch.where(near, 1.0, (macs - aim).abs()).clamp_min(1e-6).log()
