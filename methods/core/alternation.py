"""Weights and factors learned in turn, on the same loss: what the switcher and its controls share.

A scorer gives every channel of a group a number. Its z-score over the group, times a gain, is added to 1, and an
output function (clamp to [0, 2]) makes the factor of it:

    s = clamp(1 + gain(t) * z - offset(t), 0, 2)

so s = 1 exactly while the gain is 0, and step 0 is the dense network. The gain ramps from 0 to `gain` over a window
of the training. The window is cut into `turns`, whatever its length: in each, steps of the weights with s held constant
collect dL/ds from the same backward passes; then the scorer takes one step along their mean, scaled to length 1, and
s is computed anew. Number and length of the scorer's steps are therefore the same in a short run and in a long one.
After the window the factors are folded and what is exactly 0 goes.

There is no penalty. But the z-score forces spread, and spread makes zeros: the ramp is a structural push, and
what it removes depends on gain and learning rate. The clamp and the z-score are what bounds the factors.

The offset is 0 where the method decides. Where it is told a size, the offset grows with the gain, to what brings the
MACs of the channels that are on to the target when the ramp ends: a budget, and no mining. (To steer along a line of
MACs instead would push all factors of a layer to near 0 early in the ramp, while their spread is small.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from methods.core import gates
from methods.core.api import Group, Keep, Problem
from methods.core.ranking import keep_by_rank

Scores = dict[str, Tensor]
BISECTIONS = 24


@dataclass(frozen=True)
class Schedule:
    """When and how fast the factors are learned."""

    gain: float  # spread of the factors at the end of the ramp, in standard deviations per unit
    begin: float  # of the ramp and the scorer's training, as a fraction of the budget
    end: float  # of both
    turns: int  # steps of the scorer in this window
    lr: float  # length of one of them, before momentum, at the start of the one schedule


class Clamp(torch.autograd.Function):
    """Clamp to [0, 2] that blocks a gradient only where its step would leave the range further.

    A channel that is off can come back.
    """

    @staticmethod
    def forward(ctx: Any, raw: Tensor) -> Tensor:
        ctx.save_for_backward(raw)
        return raw.clamp(0.0, 2.0)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        (raw,) = ctx.saved_tensors
        (grad,) = grads
        leaves = ((raw <= 0) & (grad > 0)) | ((raw >= 2) & (grad < 0))
        return grad.masked_fill(leaves, 0.0)


def clamp(raw: Tensor) -> Tensor:
    """The output function of the default: [size] -> factors in [0, 2]."""
    return Clamp.apply(raw)


def standardise(x: Tensor) -> Tensor:
    """Zero mean, unit variance over the first dimension (the channels)."""
    centred = x - x.mean(0, keepdim=True)
    return centred / (centred.square().mean(0, keepdim=True) + 1e-4).sqrt()


class Alternation:
    """Trains `net` and `scorer` until `schedule.end` of the budget.

    scorer(net) gives group name -> score [size], differentiable in the scorer's parameters; scorer.macs are those of
    one such pass. output: raw factors [size], 1 at the start, -> factors. groups: where factors apply, if not at the
    gates of the problem's groups.
    """

    def __init__(
        self,
        net: nn.Module,
        problem: Problem,
        scorer: nn.Module,
        schedule: Schedule,
        output: Callable[[Tensor], Tensor] = clamp,
        groups: tuple[Group, ...] | None = None,
    ) -> None:
        self.net, self.problem, self.scorer, self.schedule, self.output = net, problem, scorer, schedule, output
        self.groups = problem.groups if groups is None else groups
        self.scorer_macs = float(scorer.macs)  # type: ignore[arg-type]
        device = next(net.parameters()).device
        self.held = {g.name: torch.ones(g.size, device=device, requires_grad=True) for g in self.groups}
        self.collected = {name: torch.zeros_like(factor) for name, factor in self.held.items()}
        self.reactivated = {name: torch.zeros((), device=device) for name in self.held}
        self.steps, self.turns = torch.zeros((), dtype=torch.int64), torch.zeros((), dtype=torch.int64)
        self.offset = torch.zeros((), dtype=torch.float64)
        self.first = self.last = 0.0  # what is left of the budget at the window's begin and end

    def run(self) -> Keep:
        """Train both in turn; fold; the channels with factor > 0 stay, or at a target the highest."""
        problem, schedule, budget = self.problem, self.schedule, self.problem.epochs
        problem.fit(self.net, schedule.begin * budget)
        self.first, self.last = problem.epochs, (1 - schedule.end) * budget
        optimizer = problem.optimizer(self.scorer, lr=schedule.lr, weight_decay=0.0)
        counters = (self.steps, self.turns, self.offset, self.reactivated)

        def after_step() -> None:
            self.collect()
            self.steps.add_(1)
            if int(self.progress * schedule.turns + 1e-9) > self.turns:
                self.turn(optimizer)

        problem.fit(
            self.net,
            self.first - self.last,
            params=self.params,
            after_step=after_step,
            state=(self.scorer, optimizer, self.held, self.collected, counters),
        )
        keep = {name: (factor > 0).cpu() for name, factor in self.held.items()}
        if problem.target is not None:
            keep = keep_by_rank(self.raw(detached=True), problem, "global")
        gates.fold(self.net, self.groups, self.held)
        return keep

    @property
    def progress(self) -> float:
        """Of the window, 0 to 1."""
        return (self.first - self.problem.epochs) / (self.first - self.last)

    def params(self) -> Mapping[str, Tensor]:
        """What replaces tensors of the network in the forward pass."""
        return gates.scaled(self.net, self.groups, self.held)

    def collect(self) -> None:
        """Take dL/ds of the step that was made."""
        for name, factor in self.held.items():
            assert factor.grad is not None
            self.collected[name] += factor.grad
            factor.grad = None

    def gradient(self) -> None:
        """Put the scorer's gradient into its parameters: that of the mean dL/ds."""
        now = self.factors(self.raw())
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
            raw = self.raw()
            self.steer(raw)
            new = self.factors(raw)
            self.look(new)
            for name, factor in new.items():
                self.held[name].copy_(factor)

    def raw(self, *, detached: bool = False) -> Scores:
        """Factors before the output function, less the offset."""
        gain = self.schedule.gain * self.progress
        raw = {name: 1 + gain * standardise(score) for name, score in self.scorer(self.net).items()}
        return {name: score.detach() for name, score in raw.items()} if detached else raw

    def factors(self, raw: Scores) -> Scores:
        """Group name -> factors [size]."""
        return {name: self.output(value - self.offset.to(value)) for name, value in raw.items()}

    def steer(self, raw: Scores) -> None:
        """Choose the offset that brings the MACs to the target, with the ramp's spread at its end."""
        if self.problem.target is None:
            return
        told = {name: 1 + (value.cpu() - 1) / self.progress for name, value in raw.items()}
        goal = self.problem.target * self.problem.macs(self.problem.everything())
        low, high = min(float(v.min()) for v in told.values()), max(float(v.max()) for v in told.values())
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            on = {name: value > min(middle, float(value.max()) - 1e-6) for name, value in told.items()}
            low, high = (middle, high) if self.problem.macs(on) > goal else (low, middle)
        self.offset.fill_(self.progress * low)

    def look(self, new: Scores) -> None:
        """Write into the history how many channels are on, their mean factor, and how many have come back."""
        for name, factor in new.items():
            self.reactivated[name] += ((self.held[name] <= 0) & (factor > 0)).sum()
        told = torch.stack([torch.stack([(f > 0).sum(), f.mean(), self.reactivated[n]]) for n, f in new.items()])
        for name, (alive, mean, back) in zip(new, told.tolist(), strict=True):
            notes = {f"alive/{name}": alive, f"factor/{name}": mean, f"reactivated/{name}": back}
            self.problem.note(**notes)
