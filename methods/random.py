"""Random, a control for every criterion: random channels go.

Idea: what a pruned network owes to its criterion is what it has over this one. One shot from the shared start, the
same share of every group.
Expected: after fine-tuning close to magnitude pruning at moderate targets, as Mittal et al. say in the abstract of
"Recovering from random pruning", WACV 2018.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from methods.core.api import Keep, Problem
from methods.core.ranking import keep_by_rank

TARGETS = ("macs",)
START = "pretrained"
NO_PROMISE = ("plain", "residual", "norm-free")  # the control


@dataclass(frozen=True)
class Knobs:
    pass


def learn(net: nn.Module, problem: Problem, knobs: Knobs) -> Keep:
    """Scores are drawn from the run's generator."""
    return keep_by_rank({g.name: torch.rand(g.size, generator=problem.rng) for g in problem.groups}, problem)
