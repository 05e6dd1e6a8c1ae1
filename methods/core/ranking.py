"""From a score a channel to a choice of channels that meets the target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from methods.core.api import Group, Keep, Problem, Unsupported

TOLERANCE = 0.02
"""How far the MACs that are kept may be from the target, as a fraction of the target."""


def writer_norm(net: nn.Module, group: Group, p: float) -> Tensor:
    """[size]: the Lp norm of each channel's own weights, over every layer that writes the group."""
    modules = dict(net.named_modules())
    own = [modules[site.module].weight.detach()[site.index].flatten(1) for site in group.writers]
    return torch.cat(own, dim=1).norm(p=p, dim=1)


def keep_by_rank(scores: Mapping[str, Tensor], problem: Problem, ranking: str = "uniform") -> Keep:
    """Remove the channels with the lowest scores until `problem.target` of the dense MACs is left.

    scores: group name -> [size], higher stays. ranking: "uniform" compares a channel's rank within its
    group (every group loses the same share), "global" its score with all others. A channel whose
    removal would overshoot the target is passed over, and no group goes below one channel.
    Raises Unsupported where no such choice comes within TOLERANCE of the target.
    """
    assert problem.target is not None, "a ranking needs a target"
    keep = {g.name: torch.ones(g.size, dtype=torch.bool) for g in problem.groups}
    dense = problem.macs(keep)
    goal = problem.target * dense
    reached = dense
    for name, channel in _order(scores, problem.groups, ranking):
        if reached <= goal:
            break
        if keep[name].sum() == 1:
            continue
        keep[name][channel] = False
        if (macs := problem.macs(keep)) < goal * (1 - TOLERANCE):
            keep[name][channel] = True
        else:
            reached = macs
    if reached > goal * (1 + TOLERANCE):
        raise Unsupported(f"cannot keep {problem.target:.1%} of the MACs: {reached / dense:.1%} is the least above it")
    return keep


def _order(scores: Mapping[str, Tensor], groups: Sequence[Group], ranking: str) -> list[tuple[str, int]]:
    """(group, channel), the first to go first."""
    ranked = []
    for group in groups:
        score = scores[group.name].detach().float().cpu()
        if ranking == "uniform":
            score = (score.argsort(stable=True).argsort() + 0.5) / group.size
        ranked += [(value, group.name, channel) for channel, value in enumerate(score.tolist())]
    ranked.sort(key=lambda entry: entry[0])
    return [(name, channel) for _, name, channel in ranked]
