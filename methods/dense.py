"""Dense, a control: the whole network, trained for the whole budget; every difference is taken to it.

Idea: none. It goes on from the shared start along the one schedule, so that it is one uninterrupted run.
`lr` exists for the search that tunes the recipes (config/tune_dense.yaml, with pretrain_epochs: 0).
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from methods.core.api import Keep, Problem

TARGETS = ("free",)
START = "pretrained"
RANGES = {"lr": (0.0, 1e30)}  # a search may find out where training diverges
NO_PROMISE = ("plain", "residual", "norm-free")  # it keeps all channels


@dataclass(frozen=True)
class Knobs:
    lr: float = 0.0  # learning rate in place of the recipe's; 0 = the recipe's


def learn(net: nn.Module, problem: Problem, knobs: Knobs) -> Keep:
    """Every channel stays."""
    if knobs.lr:
        problem.fit(net, problem.epochs, lr=knobs.lr)
    return problem.everything()
