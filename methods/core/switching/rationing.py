"""A budget of MACs on learned factors: a constraint beside the method, for every reading.

The channels of lowest score are turned off, the same share of every layer, and as many as bring the MACs to a line that
falls over the window from all of them to the target. A channel that is off stays off: its weights are no longer
trained, and if channels change places the network loses those that were. The factors of the others are held above 0
and divided by their mean: a budget takes channels from a layer, and not its scale as well. (An offset that pushes all
factors of a layer down until enough of them are 0 takes both: LeNet-5 at a fifth of its MACs then lost 2 to 10 points
more.)
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from methods.core.api import Keep, Problem
from methods.core.ranking import places
from methods.core.switching.readings import Scores

BISECTIONS = 24
FLOOR = 0.1  # of the factor of a channel that a budget keeps: at 0 it would be kept for nothing


def ranked(scores: Scores, on: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Group name -> [size] on the CPU: the first score of every channel, and the lowest of all if it is off."""
    first = torch.cat([p[:, 0].masked_fill(~on[name], torch.finfo(p.dtype).min) for name, p in scores.items()])
    return dict(zip(scores, first.cpu().split([len(p) for p in scores.values()]), strict=True))


def within(share: float, scores: Mapping[str, Tensor], problem: Problem) -> Keep:
    """The channels of highest score that keep to this share of the dense MACs. scores: group name -> [size]."""
    goal = share * problem.macs(problem.everything())
    place = {name: places(own) for name, own in scores.items()}
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

    The gradient is that of `factor` where the channel is on, and 0 where it is off.
    """
    held = factor.detach().clamp_min(FLOOR)
    return (factor + (held - factor).detach()) * on * (on.sum() / (held * on).sum())
