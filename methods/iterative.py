"""Iterative pruning: Zhu and Gupta, "To prune, or not to prune: exploring the efficacy of pruning for model
compression", arXiv 1710.01878, 2017.

Idea: prune a little, train a little, in rounds, as Han et al. did for weights (NeurIPS 2015) and Molchanov et al. for
filters (ICLR 2017). The rounds follow a cubic: many channels go at first, when there are plenty, and few at the end,
when each is missed. What has gone is absent from the next round's training and does not come back.
Deviations: whole channels go, by the L1 norm of their filters, where the paper prunes single weights by magnitude. Its
rounds lie 100 to 1,000 steps apart; here there are `rounds` within the budget. Absent channels are multiplied by zero,
which is exactly the smaller network but costs as much as the dense one; the row charges what it costs.
Expected: at least as good as one shot (`l1`), and clearly better only at small targets; for weights the paper finds
a large pruned network better than a small dense one of the same size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from methods.core import gates
from methods.core.api import Keep, Problem
from methods.core.coupled import first_to_go
from methods.core.ranking import keep_by_rank, writer_norm

TARGETS = ("macs",)
START = "pretrained"


@dataclass(frozen=True)
class Knobs:
    rounds: int = 10  # of pruning, each with its share of the training
    share: float = 0.5  # of the budget left, for all rounds; what remains fine-tunes the last choice
    ranking: Literal["uniform", "global"] = "uniform"


def learn(net: nn.Module, problem: Problem, knobs: Knobs) -> Keep:
    """Prune and train in turn."""
    budget = problem.epochs
    keep, reference = problem.everything(), next(net.parameters())
    for done in range(1, knobs.rounds + 1):
        scores = {
            group.name: writer_norm(net, group, p=1).cpu().masked_fill(~keep[group.name], -torch.inf)
            for group in problem.groups
        }
        keep = first_to_go(keep_by_rank(scores, problem, knobs.ranking), scores, cubic(done / knobs.rounds))
        present = {name: mask.to(reference) for name, mask in keep.items()}
        problem.fit(
            net,
            problem.epochs - (1 - knobs.share * done / knobs.rounds) * budget,
            params=lambda present=present: gates.scaled(net, problem.groups, present),  # type: ignore[misc]
        )
        problem.note(channels=sum(int(mask.sum()) for mask in keep.values()))
    return keep


def cubic(progress: float) -> float:
    """The share of all that will go that is gone at `progress` (0 to 1): equation 1 of the paper, from no sparsity."""
    return 1 - (1 - progress) ** 3
