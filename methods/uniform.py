"""Uniform, a control for every found shape: a thinner network of the same form, trained from scratch.

Idea: every group loses the same share of its channels (the width multiplier of Howard et al., "MobileNets",
arXiv 1704.04861); Liu et al., "Rethinking the value of network pruning", ICLR 2019, made it the baseline to beat.
Expected: on CIFAR-10 about as accurate as networks that were pruned to the same size (Liu et al.; their tables are not
checked here).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from methods.core.api import Keep, Problem
from methods.core.ranking import keep_by_rank

TARGETS = ("macs",)
START = "init"
RETRAIN = "scratch"
NO_PROMISE = ("plain", "residual", "norm-free")  # it keeps the first channels


@dataclass(frozen=True)
class Knobs:
    pass


def learn(net: nn.Module, problem: Problem, knobs: Knobs) -> Keep:
    """The first channels of every group stay: which ones does not matter to new weights."""
    return keep_by_rank({g.name: -torch.arange(g.size) for g in problem.groups}, problem)
