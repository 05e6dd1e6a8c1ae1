"""Free factors, a control: the switcher's factors, ramp and alternation, but a free parameter per neuron in place of
the switcher.

Idea: whatever the switcher gains over this one comes from reading the weights; what both gain does not.
Ours: there is no paper. It has a learning-rate search of its own, and the same number of trials
(config/tune_switcher.yaml; config/tune_target.yaml for told sizes).
Expected: no different from the switcher. Measured (config/reference.yaml, 5 paired seeds, against dense): -0.26
[-0.46, -0.07] points at 88 % of the MACs with LeNet-5 on Fashion-MNIST, +1.05 [+0.80, +1.30] at 66 % with twice its
width on a tenth of it; the switcher -0.20 [-0.28, -0.12] at 88 % and +1.01 [+0.38, +1.64] at 76 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from methods.core.alternation import Alternation, Schedule
from methods.core.api import Group, Keep, Problem

TARGETS = ("free", "macs")
START = "init"


@dataclass(frozen=True)
class Knobs:
    gain: float = 1.5  # standard deviation of the factors before the clamp, at the end of the ramp
    begin: float = 0.3  # of ramp and factor training, as a fraction of the budget
    end: float = 0.7  # of both; the rest is fine-tuning
    turns: int = 60  # steps of the factors
    lr: float = 0.3  # length of such a step, before momentum, at the start of the one schedule
    site: Literal["behind_activation", "behind_norm", "before_norm"] = "behind_activation"  # where a factor applies


class Free(nn.Module):
    """A parameter per neuron, random at first as the switcher's scores are: equal ones have no spread to ramp up."""

    macs = 0.0

    def __init__(self, groups: Sequence[Group], generator: torch.Generator) -> None:
        super().__init__()
        self.names = [group.name for group in groups]
        self.free = nn.ParameterList(torch.randn(group.size, generator=generator) for group in groups)

    def forward(self, net: nn.Module) -> dict[str, Tensor]:
        """Group name -> scores [size]."""
        return dict(zip(self.names, self.free, strict=True))


def learn(net: nn.Module, problem: Problem, knobs: Knobs) -> Keep:
    """Weights and factors in turn; what is off at the end goes."""
    free = Free(problem.groups, problem.rng).to(next(net.parameters()).device)
    schedule = Schedule(knobs.gain, knobs.begin, knobs.end, knobs.turns, knobs.lr)
    return Alternation(net, problem, free, schedule, site=knobs.site).run()
