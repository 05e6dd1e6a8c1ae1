"""A budget of MACs on learned factors: a constraint beside the method, for every reading.

The channels of lowest score are off, the same share of every layer, and as many as bring the MACs to a line that falls
over the window from all of them to the target. The factors of the others are held above 0 and divided by their mean: a
budget takes channels from a layer, and not its scale as well. (An offset that pushes all factors of a layer down until
enough of them are 0 takes both: LeNet-5 at a fifth of its MACs then lost 2 to 10 points more.)
"""

from __future__ import annotations

import torch
from torch import Tensor

from methods.core.api import Keep, Problem
from methods.core.ranking import places
from methods.core.switching.readings import Scores

BISECTIONS = 24
FLOOR = 0.1  # of the factor of a channel that a budget keeps: at 0 it would be kept for nothing


def within(share: float, scores: Scores, problem: Problem) -> Keep:
    """The channels of highest score (the first of each neuron's) that keep to this share of the dense MACs."""
    goal = share * problem.macs(problem.everything())
    first = torch.cat([p[:, 0] for p in scores.values()]).cpu().split([len(p) for p in scores.values()])
    place = {name: places(own) for name, own in zip(scores, first, strict=True)}
    highest = {name: float(own.max()) for name, own in place.items()}

    def without(lowest: float) -> Keep:
        return {name: own >= min(lowest, highest[name]) for name, own in place.items()}

    low, high = 0.0, 1.0
    for _ in range(BISECTIONS):
        lowest = (low + high) / 2
        low, high = (lowest, high) if problem.macs(without(lowest)) > goal else (low, lowest)
    return without(low)


def rationed(factor: Tensor, on: Tensor) -> Tensor:
    """[size]: 0 where a budget turns a channel off; the others above 0, with a mean of 1.

    The gradient is that of `factor`, for the channels that are off as well: their scores can rise again.
    """
    held = factor.detach().clamp_min(FLOOR) * on
    return (factor + (held - factor).detach()) * on.sum() / held.sum()
