"""ResRep: Ding, Hao, Tan, Liu, Han, Guo and Ding, "ResRep: Lossless CNN pruning via decoupling remembering and
forgetting", ICCV 2021.

Idea: a compactor, a 1x1 convolution that begins as the identity, stands behind a layer's norm. All of its rows feel a
group lasso; those that are chosen to go feel nothing else, because the loss's gradient on them is set to zero: they
forget, while the rest of the network remembers. Layer, norm and compactor then are merged into layer and norm.
Gradient of a row c of a compactor: mask_c * dL/dc + lambda * c / ||c||, mask 0 for chosen rows, momentum 0.99.
Strength: the authors' lambda is 1e-4 over 480 epochs of 782 steps at rates from 0.01 to 0 by a cosine: a row that the
loss does not need is at 0 after some 10,000 of the 375,000 steps. In a short run the compactors learn faster, so that
such a row is at 0 after half of the steps (methods/core/penalty.py, `reaching`), or at the recipe's rate at most: loss
and lasso keep the authors' balance on a row. Chosen rows, which feel no loss, have a lasso that is raised as well.
Deviations: a compactor needs one full writer with at most one batch norm, all of whose channels are the group's. Other
groups keep all of their channels: residual streams, as in the paper, depthwise, grouped and concatenated layers. A
network whose target cannot be met by the others is refused. Momentum of 0.99 takes some hundred steps to build up:
where the budget has fewer, the chosen rows' lasso is raised further so that they arrive at zero, and a chosen row that
would pass through zero stays there. The choice grows from nothing to the target between `begin` and `end`, where the
authors add 4 channels every 200 steps from epoch 5: by then a row that the loss does not need has shrunk by 0.39, and
at `begin` by about as much. (At 0.1 nothing has shrunk yet, and the first rows are chosen by noise.)
Expected: ResNet-56 on CIFAR-10 at 47.1 % of the MACs without a loss of accuracy (README of the authors' code); 93.71
is quoted in torch_pruning's reproduce/readme.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from methods.core.api import Keep, Problem, Unsupported
from methods.core.compactor import Place, attached, merge, place_for, refuse_apart
from methods.core.coupled import first_to_go
from methods.core.penalty import reaching, recipe_lr
from methods.core.ranking import TOLERANCE, keep_by_rank

TARGETS = ("macs",)
START = "pretrained"
RANGES = {
    "lr": (1e-6, 100),
    "lasso": (0, 1),
    "momentum": (0.01, 0.9999),
    "share": (0.01, 1),
    "begin": (0, 0.9),
    "end": (0.01, 0.95),
    "choices": (1, 10000),
}


@dataclass(frozen=True)
class Knobs:
    lasso: float = 1e-4  # lambda, on the sum of the rows' norms, for the authors' training; theirs
    momentum: float = 0.99  # of the compactors; the paper's
    lr: float = 0.01  # of the compactors, at the start of the schedule; the paper's
    share: float = 0.7  # of the budget left, for training with compactors; the paper needs no fine-tuning behind it
    begin: float = 0.3  # of the share: when the first rows are chosen
    end: float = 0.6  # of the share: when the last are
    choices: int = 10  # how often the choice is made anew in between
    ranking: Literal["uniform", "global"] = "global"  # the paper's; may empty LeNet-5's linear layers


def learn(net: nn.Module, problem: Problem, knobs: Knobs) -> Keep:
    """Train with compactors, choose more and more of their rows, merge."""
    if knobs.begin > knobs.end:
        raise Unsupported(f"rows are chosen from begin = {knobs.begin} on, which is later than end = {knobs.end}")
    places = {group.name: place for group in problem.groups if (place := place_for(net, group))}
    refuse_early(places, problem)
    refuse_apart(net, places, problem.example)
    compactors = nn.ModuleList(compactor for _, _, compactor in places.values())
    budget = problem.epochs
    lr, raised = strengths(problem, knobs)
    optimizer = problem.optimizer(compactors, lr=lr, weight_decay=0.0)
    for settings in optimizer.param_groups:
        settings |= {"momentum": knobs.momentum, "nesterov": False}
    chosen = {name: torch.zeros_like(c.running_var, dtype=torch.bool) for name, (_, _, c) in places.items()}
    left = knobs.share * (1 - knobs.end) * budget * problem.epoch_steps  # steps behind the last choice
    pace = 8 / left**2 + 2 * (1 - knobs.momentum) / left  # of a step's growth: from norm 1 to 0 in less than these

    def step() -> None:
        forget(places, chosen, optimizer, knobs.lasso, max(raised, pace / optimizer.param_groups[0]["lr"]))

    def train(until: float) -> None:
        with attached(places, problem):
            problem.fit(
                net,
                problem.epochs - (1 - knobs.share * until) * budget,
                after_step=step,
                state=(compactors, optimizer, chosen),
            )

    keep = problem.everything()
    train(knobs.begin)
    for done in range(1, knobs.choices + 1):
        keep = choose(places, problem, knobs.ranking)
        mid = first_to_go(keep, row_norms(places, problem), done / knobs.choices)
        for name, rows in chosen.items():
            rows.copy_(~mid[name])
        train(knobs.begin + (knobs.end - knobs.begin) * done / knobs.choices)
    train(1.0)
    for name, (layer, norm, compactor) in places.items():
        merge(layer, norm, compactor, chosen[name])
    return keep


def strengths(problem: Problem, knobs: Knobs) -> tuple[float, float]:
    """The compactors' learning rate at the start of the schedule, and the lasso of chosen rows; see the file's head."""
    reach = partial(reaching, knobs.lasso, 1.0, problem, knobs.share * problem.epochs, momentum=knobs.momentum)
    faster = reach(lr=knobs.lr) / knobs.lasso if knobs.lasso else 1.0
    lr = max(knobs.lr, min(faster * knobs.lr, recipe_lr(problem)))
    return lr, reach(lr=lr)


def row_norms(places: dict[str, Place], problem: Problem) -> dict[str, Tensor]:
    """Group name -> [size]: the norm of each row; infinite where there is no compactor."""
    norms = {group.name: torch.full((group.size,), torch.inf) for group in problem.groups}
    return norms | {name: c.weight.detach().norm(dim=1).cpu() for name, (_, _, c) in places.items()}


def refuse_early(places: dict[str, Place], problem: Problem) -> None:
    """Raise Unsupported where one channel of each group with a compactor is still too many."""
    least = problem.everything()
    dense = problem.macs(least)
    for name in places:
        least[name][1:] = False
    if problem.target is None or problem.macs(least) > (1 + TOLERANCE) * problem.target * dense:
        raise Unsupported(
            f"layers that a compactor can stand behind lead to {problem.macs(least) / dense:.1%} at least"
        )


def choose(places: dict[str, Place], problem: Problem, ranking: str) -> Keep:
    """The channels whose rows are longest, of the network or each group; all of them where there is no compactor."""
    scores = row_norms(places, problem)
    if ranking == "uniform":  # the ranks here, so that groups without a compactor stay out of it
        scores |= {name: scores[name].argsort(stable=True).argsort() / len(scores[name]) for name in places}
    keep = keep_by_rank(scores, problem, "global")
    return keep | {name: mask for name, mask in problem.everything().items() if name not in places}


@torch.no_grad()
def forget(
    places: dict[str, Place],
    chosen: dict[str, Tensor],
    optimizer: torch.optim.Optimizer,
    lasso: float,
    raised: float,
) -> None:
    """One step of the compactors from the loss's gradients that they hold, which are cleared.

    lasso, raised: of rows that stay and of chosen ones. A chosen row that would pass through zero stays there.
    """
    before = {name: compactor.weight.clone() for name, (_, _, compactor) in places.items()}
    for name, (_, _, compactor) in places.items():
        rows = chosen[name][:, None]
        assert compactor.weight.grad is not None
        direction = F.normalize(compactor.weight, dim=1)
        compactor.weight.grad.mul_(~rows).add_(direction * torch.where(rows, raised, lasso))
    optimizer.step()
    optimizer.zero_grad()
    for name, (_, _, compactor) in places.items():
        through = (before[name] * compactor.weight).sum(1, keepdim=True) <= 0
        going = ~(through & chosen[name][:, None])
        compactor.weight.mul_(going)
        optimizer.state[compactor.weight]["momentum_buffer"].mul_(going)
