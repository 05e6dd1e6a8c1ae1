"""L1: Li, Kadav, Durdanovic, Samet and Graf, "Pruning filters for efficient ConvNets", ICLR 2017.

Idea: the filters with the smallest sum of absolute weights are removed in one shot, and the rest is fine-tuned.
Deviations: the paper picks a rate per stage by hand from a sensitivity scan; here every group loses the same share, or
the scores of all groups are compared directly (`ranking: global`). A group with several writers (a residual stream) is
scored over all of them. The paper fine-tunes with a small constant learning rate; here the run's schedule continues.
Expected: ResNet-56 on CIFAR-10, 93.04 -> 93.06 at 72.4 % of the MACs (their table 1).
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
    """Rank once; the method itself does not train."""
    return keep_by_rank({g.name: writer_norm(net, g, p=1) for g in problem.groups}, problem, knobs.ranking)
