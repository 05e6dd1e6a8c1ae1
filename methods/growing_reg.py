"""Growing regularisation: Wang, Qin, Zhang and Fu, "Neural pruning via growing regularization", ICLR 2021.

Idea: channels that are to be removed are not cut off but pushed out: their L2 penalty grows until they are near zero,
while the others take over. GReg-1 chooses them by L1 norm at the start. GReg-2 first lets a small penalty grow on all
channels: those that the loss holds least, by its curvature, shrink most, and the smallest then are removed.
Loss: cross-entropy + beta_t / 2 * sum over chosen channels of ||w||^2, where beta_t grows from 0 to 1.
Deviations: the authors' README for ResNet-56 adds 1e-4 to beta every 10 steps up to 1 (100,000 steps), holds it there
for 10,000, and with GReg-2 chooses before that, by steps of 1e-5 up to 0.01 (10,000 steps). Here beta grows in every
step, by as much as leads to the same ceilings within the budget, and the three phases have the same proportions, 10 : 1
: 1. The scale of the norm behind a filter is penalised too, because the norm cancels the length of the filter alone.
What stays after GReg-2's choice has no penalty but the recipe's weight decay. The one schedule of the learning rate
goes on: where it is high, GReg-2's small penalty pushes further than theirs before the choice.
Expected: ResNet-56 on CIFAR-10, 93.36 -> 93.18 (GReg-1) and 93.36 (GReg-2) at 39.2 % of the MACs (their table 2, as
torch_pruning's reproduce/readme.md quotes it).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from methods.core.api import Keep, Problem
from methods.core.coupled import Parts, coupled, squares
from methods.core.ranking import keep_by_rank, writer_norm

TARGETS = ("macs",)
START = "pretrained"
RANGES = {"choosing": (1e-6, 1), "ceiling": (1e-6, 100), "settling": (0, 0.99), "share": (0, 1)}
CHOOSING = 1 / 12  # of GReg-2's steps are for choosing, as in the authors' README


@dataclass(frozen=True)
class Knobs:
    variant: Literal["GReg-1", "GReg-2"] = "GReg-1"
    choosing: float = 0.01  # GReg-2: the penalty at which the channels are chosen, as a weight decay
    ceiling: float = 1.0  # at which the penalty stops growing
    settling: float = 0.09  # of the share behind the choice, with the penalty at its ceiling
    share: float = 0.5  # of the budget left, for all of it
    ranking: Literal["uniform", "global"] = "uniform"


def learn(net: nn.Module, problem: Problem, knobs: Knobs) -> Keep:
    """Choose, grow, settle."""
    own = {group.name: coupled(net, group, readers=False) for group in problem.groups}
    device = next(net.parameters()).device
    budget, floor = knobs.share * problem.epochs, 0.0
    if knobs.variant == "GReg-2":
        first, budget, floor = CHOOSING * budget, (1 - CHOOSING) * budget, knobs.choosing
        everyone = {group.name: torch.ones(group.size, device=device) for group in problem.groups}
        grow(net, problem, first, own, everyone, 0.0, floor)
    scores = {group.name: writer_norm(net, group, p=1) for group in problem.groups}
    keep = keep_by_rank(scores, problem, knobs.ranking)
    leaving = {name: (~mask).float().to(device) for name, mask in keep.items()}
    grow(net, problem, (1 - knobs.settling) * budget, own, leaving, floor, knobs.ceiling)
    grow(net, problem, knobs.settling * budget, own, leaving, knobs.ceiling, knobs.ceiling)
    return keep


def grow(
    net: nn.Module,
    problem: Problem,
    epochs: float,
    own: dict[str, Parts],
    chosen: dict[str, Tensor],
    first: float,
    last: float,
) -> None:
    """Train for `epochs` while the penalty on the chosen channels (1, else 0) grows linearly from `first` to `last`."""
    begun = problem.epochs

    def penalty() -> Tensor:
        progress = min(1.0, (begun - problem.epochs) / epochs)
        return decay(own, chosen, first + progress * (last - first))

    problem.fit(net, epochs, penalty=penalty)


def decay(own: dict[str, Parts], chosen: dict[str, Tensor], strength: float) -> Tensor:
    """A weight decay of the chosen channels: its gradient is strength times their weights."""
    return strength / 2 * torch.stack([(chosen[name] * squares(parts)).sum() for name, parts in own.items()]).sum()
