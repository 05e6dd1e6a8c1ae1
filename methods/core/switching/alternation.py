"""Weights and factors learned in turn, on the same loss: what the switcher and its controls share.

A scorer gives every channel of a group a number, and a reading (methods/core/switching/readings.py) makes factors of
the numbers. The factors are learned within a window of the training. The window is cut into `turns`, whatever its
length. In each turn, steps of the weights with the factors s held constant collect dL/ds from the same backward
passes; then the scorer takes one step along their mean, scaled to length 1, and s is computed again. So the number and
the length of the scorer's steps are the same in a short run and in a long one. After the window the factors are folded
into the weights, and the channels with a factor of exactly 0 are removed. There is no penalty.

With target MACs, a budget decides which channels are on, whatever the reading (methods/core/switching/rationing.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from methods.core import gates
from methods.core.api import Factors, Keep, Problem
from methods.core.gates import Place
from methods.core.ranking import keep_by_rank
from methods.core.switching.rationing import ranked, rationed, within
from methods.core.switching.readings import Reading, Scores
from methods.core.widths import masks


@dataclass(frozen=True)
class Schedule:
    """When and how fast the factors are learned."""

    begin: float  # of the window, as a fraction of the budget
    end: float  # of the window
    turns: int  # steps of the scorer in this window
    lr: float  # length of one of them, before momentum, at the start of the one schedule

    def __post_init__(self) -> None:
        if not 0 <= self.begin < self.end <= 1:
            raise ValueError(f"the window from {self.begin} to {self.end} of the budget must lie within 0 to 1")


SIGNALS: dict[str, Callable[[Problem, Tensor], Tensor]] = {
    "loss": lambda problem, grad: grad,
    "none": lambda problem, grad: torch.zeros_like(grad),
    "random": lambda problem, grad: (
        grad * torch.randint(0, 2, grad.shape, generator=problem.rng).mul(2).sub(1).to(grad)
    ),
}
"""What reaches the scorer of the loss's gradient: all of it, nothing, or its size with random signs."""


class Alternation:
    """Trains `net` and `scorer` until `schedule.end` of the budget.

    scorer(net) gives group name -> scores [size, heads], differentiable in the scorer's parameters; scorer.macs are
    those of one such pass. reading: from scores to factors. site: where factors apply. signal: what the scorer learns
    from, a key of SIGNALS.
    """

    def __init__(
        self,
        net: nn.Module,
        problem: Problem,
        scorer: nn.Module,
        schedule: Schedule,
        reading: Reading,
        site: Place = "behind_activation",
        signal: str = "loss",
    ) -> None:
        self.net, self.problem, self.scorer, self.schedule = net, problem, scorer, schedule
        self.reading, self.site, self.signal = reading, site, partial(SIGNALS[signal], problem)
        self.groups = problem.groups
        self.scorer_macs = float(scorer.macs)  # type: ignore[arg-type]
        device = next(net.parameters()).device
        self.held = {g.name: torch.ones(g.size, device=device, requires_grad=True) for g in self.groups}
        self.collected = {name: torch.zeros_like(factor) for name, factor in self.held.items()}
        self.reactivated = {name: torch.zeros((), device=device) for name in self.held}
        self.steps, self.turns = torch.zeros((), dtype=torch.int64), torch.zeros((), dtype=torch.int64)
        self.on = {name: torch.ones_like(factor, dtype=torch.bool) for name, factor in self.held.items()}
        self.first = self.last = 0.0  # what is left of the budget at the window's begin and end

    def run(self) -> Keep:
        """Train both in turn; fold; the channels with factor > 0 stay, or with target MACs the highest."""
        problem, schedule, budget = self.problem, self.schedule, self.problem.epochs
        problem.fit(self.net, schedule.begin * budget)
        self.first, self.last = problem.epochs, (1 - schedule.end) * budget
        with torch.no_grad():
            self.hold(self.factors(self.scorer(self.net)))
        problem.charge(self.scorer_macs)
        optimizer = problem.optimizer(self.scorer, lr=schedule.lr, weight_decay=0.0)
        counters = (self.steps, self.turns, self.on, self.reactivated)
        self.train(optimizer, (self.scorer, optimizer, self.held, self.collected, counters))
        if problem.target is not None:
            with torch.no_grad():
                scores = self.scorer(self.net)
                self.turn_on(keep_by_rank(ranked(scores, self.on, self.progress), problem))
                self.hold(self.factors(scores))
        gates.fold(self.net, self.groups, self.held, self.site)
        return {name: (factor > 0).cpu() for name, factor in self.held.items()}

    def train(self, optimizer: torch.optim.Optimizer, state: Any) -> None:
        """Spend the window. state: what changes in it, beside the network."""

        def after_step() -> None:
            self.collect()
            self.steps.add_(1)
            if int(self.progress * self.schedule.turns + 1e-9) > self.turns:
                self.turn(optimizer)

        self.problem.fit(self.net, self.first - self.last, params=self.params, after_step=after_step, state=state)

    @property
    def progress(self) -> float:
        """Of the window, 0 to 1."""
        window = self.first - self.last
        return (self.first - self.problem.epochs) / window if window > 0 else 1.0

    def params(self) -> Mapping[str, Tensor]:
        """What replaces tensors of the network in the forward pass."""
        return gates.scaled(self.net, self.groups, self.held, self.site)

    def collect(self) -> None:
        """Take dL/ds of the step that was made."""
        for name, factor in self.held.items():
            assert factor.grad is not None
            self.collected[name] += factor.grad
            factor.grad = None

    def gradient(self) -> None:
        """Put the scorer's gradient into its parameters: that of the mean dL/ds."""
        now = self.factors(self.scorer(self.net))
        torch.autograd.backward(list(now.values()), [self.collected[name] / self.steps for name in now])
        for gradient in self.collected.values():
            gradient.zero_()

    def turn(self, optimizer: torch.optim.Optimizer) -> None:
        """One step of the scorer with what the turn has collected; new factors."""
        self.turns.fill_(int(self.progress * self.schedule.turns + 1e-9))
        self.gradient()
        self.steps.zero_()
        gradients = [p.grad for p in self.scorer.parameters() if p.grad is not None]
        length = nn.utils.get_total_norm(gradients).clamp_min(1e-12)
        for gradient in gradients:
            gradient /= length
        optimizer.step()
        optimizer.zero_grad()
        self.problem.charge(4 * self.scorer_macs)  # forward, backward, and forward again with what it learned
        with torch.no_grad():
            scores = self.scorer(self.net)
            self.ration(scores)
            new = self.factors(scores)
            self.look(new)
            self.hold(new)

    def factors(self, scores: Scores) -> dict[str, Tensor]:
        """Group name -> factors [size], through which the signal reaches the scorer."""
        own = self.reading.factors(scores, self.progress)
        if self.problem.target is not None:
            own = {name: rationed(factor, self.on[name]) for name, factor in own.items()}
        for factor in own.values():
            if factor.requires_grad:
                factor.register_hook(self.signal)
        return own

    @torch.no_grad()
    def hold(self, new: Factors) -> None:
        """Apply these factors until the next turn."""
        for name, factor in new.items():
            self.held[name].copy_(factor)

    def turn_on(self, keep: Keep) -> None:
        """Let the budget have these channels."""
        for name, mask in masks(self.net, keep).items():
            self.on[name].copy_(mask)

    def ration(self, scores: Scores) -> None:
        """With target MACs: turn off the channels that the line of the budget has no room for."""
        if (target := self.problem.target) is not None:
            self.turn_on(within(1 - self.progress * (1 - target), ranked(scores, self.on, self.progress), self.problem))

    def look(self, new: Factors) -> None:
        """Write into the history how many channels are on, their mean factor, and how many have come back."""
        for name, factor in new.items():
            self.reactivated[name] += ((self.held[name] <= 0) & (factor > 0)).sum()
        seen = torch.stack([torch.stack([(f > 0).sum(), f.mean(), self.reactivated[n]]) for n, f in new.items()])
        for name, (alive, mean, back) in zip(new, seen.tolist(), strict=True):
            notes = {f"alive/{name}": alive, f"factor/{name}": mean, f"reactivated/{name}": back}
            self.problem.note(**notes)
