"""L2: He, Kang, Dong, Fu and Yang, "Soft filter pruning for accelerating deep convolutional neural networks",
IJCAI 2018.

Idea: the filters with the smallest Euclidean norm are removed. It is the criterion of soft filter pruning alone:
in one shot, without the training in between (`soft_filter` is the whole method).
Deviations: one shot in place of one choice after every epoch. A group with several writers (a residual stream) is
scored over all of them.
Expected: close to `l1`. The paper compares both norms within its own method; its figures were not checked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import nn

from methods.core.api import Keep, Problem
from methods.core.ranking import keep_by_rank, writer_norm

TARGETS = ("macs",)
START = "pretrained"


@dataclass(frozen=True)
class Knobs:
    ranking: Literal["uniform", "global"] = "uniform"


def learn(net: nn.Module, problem: Problem, knobs: Knobs) -> Keep:
    """One shot, no training of its own."""
    return keep_by_rank({g.name: writer_norm(net, g, p=2) for g in problem.groups}, problem, knobs.ranking)
