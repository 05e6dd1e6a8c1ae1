"""A budget of MACs on learned factors: a constraint beside the method, for every reading.

The channels of lowest score are off, the same share of every layer, and as many as bring the MACs to a line that falls
over the window from all of them to the target. A channel that is off gets a gradient, and can take the place of another
one: so the useless ones are found. But a channel is not trained while it is off, and what it had learned is lost with
its place. So in the last quarter of the window, a channel that is off stays off. The factors of the others are held
above 0 and divided by their mean: a budget takes channels from a layer, and not its scale as well. (An offset that
pushes all factors of a layer down until enough of them are 0 takes both: LeNet-5 at a fifth of its MACs then lost 2 to
10 points more.)
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from methods.core.api import Keep, Problem
from methods.core.ranking import places
from methods.core.switching.readings import Scores

BISECTIONS = 24
SETTLED = 0.75  # of the window: what is off from then on stays off
FLOOR = 0.1  # of the factor of a channel that a budget keeps: at 0 it would be kept for nothing


def ranked(scores: Scores, on: Mapping[str, Tensor], progress: float) -> dict[str, Tensor]:
    """Group name -> [size] on the CPU: the first score of every channel, once settled the lowest if the channel is off.

    progress: of the window, 0 to 1.
    """
    least = torch.finfo(torch.float32).min
    lost = {name: ~mask if progress > SETTLED else torch.zeros_like(mask) for name, mask in on.items()}
    first = torch.cat([p[:, 0].masked_fill(lost[name], least) for name, p in scores.items()])
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

    The gradient is that of `factor`, for the channels that are off as well: their scores can rise again.
    """
    held = factor.detach().clamp_min(FLOOR) * on
    return (factor + (held - factor).detach()) * on.sum() / held.sum()
