"""Weights and factors learned in turn, on the same loss: what the switcher and its controls share.

A scorer gives every channel of a group a number; its z-score over the group, times a gain, is added to 1 and
clamped:

    s = clamp(1 + gain(t) * z, 0, 2)

so s = 1 exactly while the gain is 0, and step 0 is the dense network. The gain ramps from 0 to `gain` over a
window of the training. Within it, `period` steps of the weights with s held constant collect dL/ds from the
same backward passes; then the scorer takes one step with their mean, and s is computed anew. After the
window the factors are folded and what is exactly 0 goes.

There is no penalty. But the z-score forces spread, and spread makes zeros: the ramp is a structural push, and
what it removes depends on gain, learning rate and number of steps. The clamp and the z-score are what bounds the
factors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from methods.core import gates
from methods.core.api import Keep, Problem

Scores = dict[str, Tensor]


@dataclass(frozen=True)
class Schedule:
    """When and how fast the factors are learned."""

    gain: float  # spread of the factors at the end of the ramp, in standard deviations per unit
    begin: float  # of the ramp and the scorer's training, as a fraction of the budget
    end: float  # of both
    period: int  # steps of the weights for one of the scorer
    lr: float  # of the scorer, at the start of the one schedule
    clip: float  # norm at which the scorer's gradient is clipped


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


def factors(scores: Scores, gain: float) -> Scores:
    """Group name -> factors in [0, 2], mean about 1. A group of one channel has factor 1."""
    return {name: Clamp.apply(1 + gain * standardise(score)) for name, score in scores.items()}


def standardise(x: Tensor) -> Tensor:
    """Zero mean, unit variance over the first dimension (the channels)."""
    centred = x - x.mean(0, keepdim=True)
    return centred / (centred.square().mean(0, keepdim=True) + 1e-4).sqrt()


def learn_in_turn(
    net: nn.Module, problem: Problem, scorer: nn.Module, scores: Callable[[], Scores], schedule: Schedule, macs: float
) -> Keep:
    """Train `net` and `scorer` until `schedule.end` of the budget; fold; the channels with factor > 0 stay.

    scores: the scorer's present output, differentiable in its parameters. macs: of one such pass.
    """
    budget = problem.epochs
    problem.fit(net, schedule.begin * budget)
    first, last = problem.epochs, (1 - schedule.end) * budget
    groups = problem.groups
    held = {g.name: torch.ones(g.size, device=next(net.parameters()).device, requires_grad=True) for g in groups}
    steps = torch.zeros((), dtype=torch.int64)
    optimizer = problem.optimizer(scorer, lr=schedule.lr, weight_decay=0.0)

    collected = {name: torch.zeros_like(factor) for name, factor in held.items()}

    def turn() -> None:
        for name, factor in held.items():
            assert factor.grad is not None
            collected[name] += factor.grad
            factor.grad = None
        steps.add_(1)
        if steps % schedule.period == 0:
            gain = schedule.gain * (first - problem.epochs) / (first - last)
            _step(scorer, optimizer, factors(scores(), gain), collected, schedule)
            problem.charge(4 * macs)  # forward, backward, and forward again with what it learned
            with torch.no_grad():
                for name, factor in factors(scores(), gain).items():
                    held[name].copy_(factor)

    problem.fit(
        net,
        first - last,
        params=lambda: gates.scaled(net, groups, held),
        after_step=turn,
        state=(scorer, optimizer, held, collected, steps),
    )
    gates.fold(net, groups, held)
    return {name: (factor > 0).cpu() for name, factor in held.items()}


def _step(
    scorer: nn.Module, optimizer: torch.optim.Optimizer, now: Scores, collected: Scores, schedule: Schedule
) -> None:
    """One step of the scorer with the collected gradients; they are cleared."""
    optimizer.zero_grad()
    torch.autograd.backward(list(now.values()), [collected[name] / schedule.period for name in now])
    nn.utils.clip_grad_norm_(scorer.parameters(), schedule.clip)
    optimizer.step()
    for gradient in collected.values():
        gradient.zero_()
