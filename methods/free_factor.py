"""Free factors, a control: the switcher's readings and alternation, but parameters of every neuron in place of the
switcher.

Idea: whatever the switcher gains over this one comes from reading the weights; what both gain does not.
Equation: as in methods/switcher.py, with p_i a parameter, 0 at the start.
Ours: there is no paper. Both forms had a search of as many trials as the switcher's: `reading: forced`
(config/tune_switcher.yaml, config/tune_target.yaml) 0.3; `centred` (config/tune_switcher_cifar.yaml) tells no length
of 0.1 to 1.0 apart where norms follow, and loses at 1.0 where none do; 0.5 lies between. With target MACs lengths up
to 0.1 were tried (config/tune_budget_cifar.yaml), and 0.5 was not.
Expected: no different from the switcher. Measured: on CIFAR-10 with LeNet-5 at twice its width and ResNet-8
(config/cifar10.yaml, 5 paired seeds), +0.21 [-0.16, +0.58] and +0.06 [-0.15, +0.27] points against dense with all
channels, where the switcher has +0.26 and -0.02; at 35 % of the MACs -10.34 and -3.65, where it has -10.31 and -4.28.
The form of 0.2 (`reading: forced, lr: 0.3, site: behind_norm`) is in docs/switcher.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from methods.core.api import Group, Keep, Problem
from methods.core.switching.alternation import Alternation, Schedule
from methods.core.switching.readings import Reading, Scores, reading

TARGETS = ("free", "macs")
START = "init"
RANGES = {
    "lr": (0.0, 100.0), "begin": (0.0, 0.49), "end": (0.5, 1.0), "turns": (1, 100_000), "gain": (0.0, 100.0),
}  # fmt: skip


@dataclass(frozen=True)
class Knobs:
    reading: Literal["plain", "centred", "two_heads", "network_wide", "forced"] = "centred"
    gain: float = 1.5  # network_wide, forced: standard deviation of the factors before the clamp, at the ramp's end
    begin: float = 0.3  # of the window in which they are learned, as a fraction of the budget; `plain` begins at 0
    end: float = 0.7  # of the window; the rest is fine-tuning
    turns: int = 60  # steps of the factors
    lr: float = 0.5  # length of such a step, before momentum, at the start of the one schedule
    # What follows is there for controls and ablations; the defaults are the method.
    site: Literal["behind_activation", "behind_norm", "before_norm"] = "behind_activation"  # where a factor applies
    signal: Literal["loss", "none", "random"] = "loss"  # what they learn from: gradients, none, or of random sign
    revive: bool = True  # centred: a channel that is off has a gradient


class Free(nn.Module):
    """A parameter for every neuron and head of the reading, which begins as the switcher's scores do."""

    macs = 0.0

    def __init__(self, groups: Sequence[Group], generator: torch.Generator, read: Reading) -> None:
        super().__init__()
        self.names = [group.name for group in groups]
        spread, mean = float(read.head > 0), read.bias or 0.0
        draws = (torch.randn(group.size, read.heads, generator=generator) for group in groups)
        self.free = nn.ParameterList(mean + spread * draw for draw in draws)

    def forward(self, net: nn.Module) -> Scores:
        """Group name -> scores [size, heads]."""
        return dict(zip(self.names, self.free, strict=True))


def learn(net: nn.Module, problem: Problem, knobs: Knobs) -> Keep:
    """Weights and factors in turn; what is off at the end goes."""
    read = reading(knobs.reading, gain=knobs.gain, revive=knobs.revive)
    free = Free(problem.groups, problem.rng, read).to(next(net.parameters()).device)
    begin = 0.0 if knobs.reading == "plain" else knobs.begin
    schedule = Schedule(begin, knobs.end, knobs.turns, knobs.lr)
    return Alternation(net, problem, free, schedule, read, knobs.site, knobs.signal).run()
