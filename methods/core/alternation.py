"""Weights and factors learned in turn, on the same loss: what the switcher and its controls share.

A scorer gives every channel of a group a number. Its z-score over the group, times a gain, is added to 1, and an
output function (clamp to [0, 2]) makes the factor of it:

    s = clamp(1 + gain(t) * z, 0, 2)

so s = 1 exactly while the gain is 0, and step 0 is the dense network. The gain ramps from 0 to `gain` over a window
of the training. The window is cut into `turns`, whatever its length: in each, steps of the weights with s held constant
collect dL/ds from the same backward passes; then the scorer takes one step along their mean, scaled to length 1, and
s is computed anew. Number and length of the scorer's steps are therefore the same in a short run and in a long one.
After the window the factors are folded and what is exactly 0 goes.

There is no penalty. But the z-score forces spread, and spread makes zeros: the ramp is a structural push, and
what it removes depends on gain and learning rate. The clamp and the z-score are what bounds the factors.

Told a size, a budget turns off the channels of lowest score beside, the same share of every layer, and as many as bring
the MACs to a line that falls with the ramp from all of them to the target; that is no mining. The factors of the others
are held above 0 and divided by their mean: what a size takes from a layer is channels, and not its scale as well. (An
offset that pushes all factors of a layer down until enough of them are 0 takes both: LeNet-5 at a fifth of its MACs
then lost 2 to 10 points more.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from methods.core import gates
from methods.core.api import Keep, Problem
from methods.core.gates import Place
from methods.core.ranking import keep_by_rank, places

Scores = dict[str, Tensor]
BISECTIONS = 24
FLOOR = 0.1  # of the factor of a channel that a budget keeps: at 0 it would be kept for nothing


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


def rationed(factor: Tensor, on: Tensor) -> Tensor:
    """[size]: 0 where a budget turns a channel off; the others above 0, with a mean of 1.

    The gradient is that of `factor`, for the channels that are off as well: their scores can rise again.
    """
    told = factor.detach().clamp_min(FLOOR) * on
    return (factor + (told - factor).detach()) * on.sum() / told.sum()


class Alternation:
    """Trains `net` and `scorer` until `schedule.end` of the budget.

    scorer(net) gives group name -> score [size], differentiable in the scorer's parameters; scorer.macs are those of
    one such pass. output: raw factors [size], 1 at the start, -> factors. site: where factors apply.
    """

    def __init__(
        self,
        net: nn.Module,
        problem: Problem,
        scorer: nn.Module,
        schedule: Schedule,
        output: Callable[[Tensor], Tensor] = clamp,
        site: Place = "behind_activation",
    ) -> None:
        self.net, self.problem, self.scorer, self.schedule, self.output = net, problem, scorer, schedule, output
        self.groups, self.site = problem.groups, site
        self.scorer_macs = float(scorer.macs)  # type: ignore[arg-type]
        device = next(net.parameters()).device
        self.held = {g.name: torch.ones(g.size, device=device, requires_grad=True) for g in self.groups}
        self.collected = {name: torch.zeros_like(factor) for name, factor in self.held.items()}
        self.reactivated = {name: torch.zeros((), device=device) for name in self.held}
        self.steps, self.turns = torch.zeros((), dtype=torch.int64), torch.zeros((), dtype=torch.int64)
        self.on = {name: torch.ones_like(factor, dtype=torch.bool) for name, factor in self.held.items()}
        self.first = self.last = 0.0  # what is left of the budget at the window's begin and end

    def run(self) -> Keep:
        """Train both in turn; fold; the channels with factor > 0 stay, or at a target the highest."""
        problem, schedule, budget = self.problem, self.schedule, self.problem.epochs
        problem.fit(self.net, schedule.begin * budget)
        self.first, self.last = problem.epochs, (1 - schedule.end) * budget
        optimizer = problem.optimizer(self.scorer, lr=schedule.lr, weight_decay=0.0)
        counters = (self.steps, self.turns, self.on, self.reactivated)

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
        if problem.target is not None:
            raw = self.raw(detached=True)
            self.turn_on(keep_by_rank(raw, problem))
            self.hold(self.factors(raw))
        gates.fold(self.net, self.groups, self.held, self.site)
        return {name: (factor > 0).cpu() for name, factor in self.held.items()}

    @property
    def progress(self) -> float:
        """Of the window, 0 to 1."""
        return (self.first - self.problem.epochs) / (self.first - self.last)

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
            self.ration(raw)
            new = self.factors(raw)
            self.look(new)
            self.hold(new)

    def raw(self, *, detached: bool = False) -> Scores:
        """Factors before the output function."""
        gain = self.schedule.gain * self.progress
        raw = {name: 1 + gain * standardise(score) for name, score in self.scorer(self.net).items()}
        return {name: score.detach() for name, score in raw.items()} if detached else raw

    def factors(self, raw: Scores) -> Scores:
        """Group name -> factors [size]."""
        own = {name: self.output(value) for name, value in raw.items()}
        if self.problem.target is None:
            return own
        return {name: rationed(factor, self.on[name]) for name, factor in own.items()}

    @torch.no_grad()
    def hold(self, new: Scores) -> None:
        """Apply these factors until the next turn."""
        for name, factor in new.items():
            self.held[name].copy_(factor)

    def turn_on(self, keep: Keep) -> None:
        """Let the budget have these channels."""
        for name, mask in keep.items():
            self.on[name].copy_(mask)

    def ration(self, raw: Scores) -> None:
        """Where a size is told: turn off the channels with the lowest scores, the same share of every layer."""
        if self.problem.target is None:
            return
        everything = self.problem.macs(self.problem.everything())
        goal = everything * (1 - self.progress * (1 - self.problem.target))
        place = {name: places(value.cpu()) for name, value in raw.items()}

        def without(share: float) -> Keep:
            return {name: own >= min(share, float(own.max())) for name, own in place.items()}

        low, high = 0.0, 1.0
        for _ in range(BISECTIONS):
            share = (low + high) / 2
            low, high = (share, high) if self.problem.macs(without(share)) > goal else (low, share)
        self.turn_on(without(low))

    def look(self, new: Scores) -> None:
        """Write into the history how many channels are on, their mean factor, and how many have come back."""
        for name, factor in new.items():
            self.reactivated[name] += ((self.held[name] <= 0) & (factor > 0)).sum()
        told = torch.stack([torch.stack([(f > 0).sum(), f.mean(), self.reactivated[n]]) for n, f in new.items()])
        for name, (alive, mean, back) in zip(new, told.tolist(), strict=True):
            notes = {f"alive/{name}": alive, f"factor/{name}": mean, f"reactivated/{name}": back}
            self.problem.note(**notes)
