"""The switcher's control: the same factors, ramp and alternation, but a free parameter per neuron in place of
the switcher.

Idea: whatever the switcher gains over this one comes from reading the weights; what both gain does not.
Ours: there is no paper. It has a learning-rate search of its own, and the same number of trials.
Expected, from a prototype on Fashion-MNIST (LeNet-5, 30,000 images, 5 epochs): +0.10 [-0.44, +0.64] points
against dense at 82 % of the MACs, no different from the switcher.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from methods.core.alternation import Schedule, learn_in_turn
from methods.core.api import Keep, Problem

TARGETS = ("free",)
START = "init"


@dataclass(frozen=True)
class Knobs:
    gain: float = 1.5  # standard deviation of the factors before the clamp, at the end of the ramp
    begin: float = 0.3  # of ramp and factor training, as a fraction of the budget
    end: float = 0.7  # of both; the rest is fine-tuning
    period: int = 3  # steps of the weights for one of the factors
    lr: float = 0.005  # of the factors, at the start of the one schedule
    clip: float = 0.3  # norm of the factors' gradient


def learn(net: nn.Module, problem: Problem, knobs: Knobs) -> Keep:
    """Parameters begin at random, as the switcher's scores do: equal ones have no spread to ramp up."""
    device = next(net.parameters()).device
    free = nn.ParameterList(torch.randn(g.size, generator=problem.rng).to(device) for g in problem.groups)
    schedule = Schedule(knobs.gain, knobs.begin, knobs.end, knobs.period, knobs.lr, knobs.clip)

    def scores() -> dict[str, torch.Tensor]:
        return {g.name: parameter for g, parameter in zip(problem.groups, free, strict=True)}

    return learn_in_turn(net, problem, free, scores, schedule, macs=0)
