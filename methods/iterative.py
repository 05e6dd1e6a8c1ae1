"""Iterative pruning: Zhu and Gupta, "To prune, or not to prune: exploring the efficacy of pruning for model
compression", arXiv 1710.01878, 2017.

Idea: prune a little, train a little, in rounds, as Han et al. do for weights (NeurIPS 2015) and Molchanov et al. for
filters (ICLR 2017). The rounds follow a cubic: much goes at first, while there is plenty, and little at the end.
Sparsity after round t of n: s_t = s_f (1 - (1 - t / n)^3). What has gone takes no part in later training and stays
removed.
Deviations: channels go, by the L1 norm of their filters; the paper prunes single weights by magnitude. The sparsity
of the cubic is the share of the MACs that are removed. The paper's rounds lie 100 to 1,000 steps apart; here there are
`rounds` within the budget. Removed channels are multiplied by zero while training, which computes exactly the smaller
network at the cost of the dense one; the row charges what it costs.
Expected: at least as good as one shot (`l1`), and better mainly at small targets. The paper has no channel pruning: its
figures (MobileNet at 50 % sparsity, 69.5 against 70.6 % top-1, its table 2) are for single weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import nn

from methods.core import gates
from methods.core.api import Keep, Problem
from methods.core.ranking import keep_by_rank, writer_norm

TARGETS = ("macs",)
START = "pretrained"
RANGES = {"rounds": (1, 1000), "share": (0, 1)}


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
        scores = {group.name: writer_norm(net, group, p=1) for group in problem.groups}
        keep = keep_by_rank(scores, problem, knobs.ranking, since=keep, progress=cubic(done / knobs.rounds))
        present = {name: mask.to(reference) for name, mask in keep.items()}
        problem.fit(
            net,
            problem.epochs - (1 - knobs.share * done / knobs.rounds) * budget,
            params=lambda present=present: gates.scaled(net, problem.groups, present),  # type: ignore[misc]
        )
        problem.note(channels=sum(int(mask.sum()) for mask in keep.values()))
    return keep


def cubic(progress: float) -> float:
    """The part of the way to the target that is done at `progress` (0 to 1): the paper's equation 1 from sparsity 0."""
    return 1 - (1 - progress) ** 3
