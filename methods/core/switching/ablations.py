"""Other ways of alternating and of making factors, for the ablation of the switcher (config/ablation_switcher.yaml)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from methods.core import gates
from methods.core.api import Factors, Problem
from methods.core.switching.alternation import Alternation
from methods.core.switching.readings import clamp

BETA, GAMMA, ZETA = 2 / 3, -0.1, 1.1  # temperature and stretch, Louizos, Welling and Kingma, ICLR 2018
OPEN = 4.0  # log-odds of a raw factor of 1: wide open, so that the gate begins at exactly 1


class Through(Alternation):
    """The loss's gradient goes on through the switcher into the weights that it reads (scorer.live).

    The switcher is part of every forward pass, and its own gradient sums up over the turn.
    """

    def params(self) -> Mapping[str, Tensor]:
        self.problem.charge(3 * self.scorer_macs)
        return gates.scaled(self.net, self.groups, self.factors(self.scorer(self.net)), self.site)

    def collect(self) -> None:
        """Nothing is held that could have a gradient."""

    def gradient(self) -> None:
        for parameter in self.scorer.parameters():
            if parameter.grad is not None:
                parameter.grad /= self.steps


class HeldOut(Alternation):
    """The switcher learns from one batch a turn that the weights do not train on."""

    def loss(self, factors: Factors) -> Tensor:
        """Of the images that the switcher's next step is made on."""
        batch = self.problem.sample("validation")
        return F.cross_entropy(gates.gated(self.net, self.groups, factors, batch.images, self.site), batch.labels)

    def gradient(self) -> None:
        for gradient in self.collected.values():
            gradient.zero_()
        loss = self.loss(self.factors(self.scorer(self.net)))
        own = list(self.scorer.parameters())
        for parameter, gradient in zip(own, torch.autograd.grad(loss, own, allow_unused=True), strict=True):
            parameter.grad = gradient


class Epochs(HeldOut):
    """Each turn trains the weights for two thirds of its epochs, then the switcher for a third of them: a step a batch,
    with the weights held constant."""

    def train(self, optimizer: torch.optim.Optimizer, state: Any) -> None:
        turn = (self.first - self.last) / self.schedule.turns
        for _ in range(self.schedule.turns):
            self.problem.fit(self.net, turn * 2 / 3, params=self.params, after_step=self.collect, state=state)
            for batch in self.problem.batches(turn / 3, state=(self.net, state)):
                self.batch = batch
                self.turn(optimizer)

    def loss(self, factors: Factors) -> Tensor:
        return self.problem.loss(self.net, self.batch, gates.scaled(self.net, self.groups, factors, self.site))


def hard_concrete(problem: Problem) -> Callable[[Tensor], Tensor]:
    """A stretched, clamped sigmoid with logistic noise, drawn at every turn; no penalty. Exactly 1 at a raw factor of 1
    without noise, hence the noise grows with the distance from it."""

    def gate(raw: Tensor) -> Tensor:
        uniform = torch.rand(raw.shape, generator=problem.rng).clamp(1e-6, 1 - 1e-6).to(raw.device)
        noise = uniform.logit() * (raw.detach() - 1).abs().clamp(max=1)
        odds = (OPEN * raw + noise) / BETA
        return (odds.sigmoid() * (ZETA - GAMMA) + GAMMA).clamp(0, 1)

    return gate


OUTPUTS: dict[str, Callable[[Problem], Callable[[Tensor], Tensor]]] = {
    "clamp": lambda problem: clamp,
    "relu": lambda problem: torch.relu,
    "hard_concrete": hard_concrete,
}
BATCHES: dict[str, type[Alternation]] = {"same": Alternation, "held_out": HeldOut, "epochs": Epochs}
