"""Random search over widths, a control: Li and Talwalkar, "Random search and reproducibility for neural architecture
search", UAI 2019.

Idea: one network with shared weights is trained at every width; of many random widths at the target's MACs the one with
the best validation accuracy is trained from new weights. A search that does not beat it has learned nothing.
Deviations: the shared network is `evolution`'s, trained by the sandwich rule in place of one random structure a step,
and as many candidates are scored as `evolution` scores, so that nothing but the search is different. One round of
scoring with the whole validation part in place of two with a short list between them. Search and
training share one budget, half for each by default; with `budget: paper` the found network is trained for all epochs.
Expected: close to `evolution`: the paper's random search with shared weights reaches 2.85 % error on CIFAR-10, where
first-order DARTS has 3.00 % and second-order 2.76 % (its table 5; 2.92 % over six runs, table 8).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from methods.core.api import Keep, Problem, Unsupported
from methods.core.widths import accuracies, possible, train_slimmable

TARGETS = ("macs",)
START = "init"
RETRAIN = "scratch"
NO_PROMISE = ("plain", "residual", "norm-free")  # it finds widths and keeps the first channels of each group
RANGES = {
    "share": (0.0, 0.95), "narrowest": (0.0, 1.0), "between": (0, 100), "candidates": (1, 100_000),
    "spread": (0.0, 10.0),
}  # fmt: skip


@dataclass(frozen=True)
class Knobs:
    share: float = 0.5  # of the budget, for the shared network
    narrowest: float = 0.2  # least width that is trained, as a fraction
    between: int = 2  # random widths in a step, beside the widest and the narrowest
    candidates: int = 80  # scored; 5 generations of 16 in `evolution` (the paper: 1000, then the best again)
    spread: float = 0.6  # standard deviation of the log of a share; evolution's first generation
    budget: Literal["shared", "paper"] = "shared"  # "paper": all epochs again for the found network


def learn(net: nn.Module, problem: Problem, knobs: Knobs) -> Keep:
    """Train the shared network, score random widths, take the best."""
    train_slimmable(net, problem, problem.epochs, narrowest=knobs.narrowest, between=knobs.between)
    shares = torch.randn(knobs.candidates, len(problem.groups), generator=problem.rng).mul(knobs.spread).exp()
    _, widths = possible(shares, problem)
    if not widths:
        raise Unsupported(f"none of {knobs.candidates} random widths keeps {problem.target:.1%} of the MACs")
    accuracy = accuracies(net, problem, widths)
    problem.note(validation_accuracy=float(accuracy.max()))
    return widths[int(accuracy.argmax())]
