"""Evolution over widths: Guo, Zhang, Mu, Heng, Liu, Wei and Sun, "Single path one-shot neural architecture search with
uniform sampling", ECCV 2020, on the slimmable channels of Yu and Huang, "AutoSlim", arXiv 1903.11728.

Idea: one network with shared weights is trained at every width (the first channels of each group) by the sandwich rule;
then evolution looks for the widths with the best validation accuracy at the target's MACs. The network of these widths
is trained from new weights, as in both papers.
Deviations: the sandwich rule of AutoSlim (widest, narrowest and two random widths in each step; the outputs of the
widest are the soft labels of the others) in place of one random path a step, with which LeNet-5 on digits does not
learn in half of the budget. A candidate is a share per group, scaled until it meets the target; one that cannot is
dropped and another takes its place. It is scored with the batch's own normalisation statistics in place of recalibrated
ones. Population and generations are smaller than the paper's. Search and training share one budget, half for each by
default; with `budget: paper` the found network is trained for all epochs. What the search costs is in the row.
Expected: MobileNetV2 on ImageNet, 74.2 % at 305 MMACs against 71.8 % at 301 MMACs for the hand-made widths (abstract of
AutoSlim, which searches greedily).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from methods.core.api import Keep, Problem
from methods.core.search import evolve, pairs
from methods.core.widths import accuracies, train_slimmable

TARGETS = ("macs",)
START = "init"
RETRAIN = "scratch"
NO_PROMISE = ("plain", "residual", "norm-free")  # it finds widths and keeps the first channels of each group
RANGES = {
    "share": (0.0, 0.95), "narrowest": (0.0, 1.0), "between": (0, 100), "mutation": (0.0, 10.0),
    "population": (1, 1000), "generations": (1, 1000), "parents": (1, 1000),
}  # fmt: skip


@dataclass(frozen=True)
class Knobs:
    share: float = 0.5  # of the budget, for the shared network
    narrowest: float = 0.2  # least width that is trained, as a fraction
    between: int = 2  # random widths in a step, besides the widest and the narrowest; AutoSlim's
    population: int = 16  # candidates per generation (the paper: 50)
    generations: int = 5  # the paper: 20
    parents: int = 4  # best candidates that the next generation comes from (the paper: 10)
    mutation: float = 0.3  # standard deviation of the log of a share
    budget: Literal["shared", "paper"] = "shared"  # "paper": all epochs again for the found network


def learn(net: nn.Module, problem: Problem, knobs: Knobs) -> Keep:
    """Train the shared network, then search it."""
    train_slimmable(net, problem, problem.epochs, narrowest=knobs.narrowest, between=knobs.between)
    return evolve(
        problem,
        lambda: draw(knobs.population, len(problem.groups), knobs, problem.rng),
        lambda best: _children(best, knobs, problem.rng),
        lambda candidates: accuracies(net, problem, candidates),
        population=knobs.population,
        generations=knobs.generations,
        parents=knobs.parents,
    )


def draw(population: int, groups: int, knobs: Knobs, rng: torch.Generator) -> Tensor:
    """[population, groups]: random shares, the median 1."""
    return torch.randn(population, groups, generator=rng).mul(2 * knobs.mutation).exp()


def _children(best: Tensor, knobs: Knobs, rng: torch.Generator) -> Tensor:
    """Half by mutation of a parent, half by crossing two."""
    mother, father = pairs(best, knobs.population, rng)
    mutated = mother * torch.randn(mother.shape, generator=rng).mul(knobs.mutation).exp()
    crossed = torch.where(torch.rand(mother.shape, generator=rng) < 0.5, mother, father)
    return torch.cat([mutated[: knobs.population // 2], crossed[knobs.population // 2 :]])
