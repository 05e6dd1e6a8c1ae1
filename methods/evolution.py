"""Search over widths: Guo, Zhang, Mu, Heng, Liu, Wei and Sun, "Single path one-shot neural architecture search with
uniform sampling", ECCV 2020, on the slimmable channels of Yu and Huang, "AutoSlim", arXiv 1903.11728.

Idea: one network is trained with shared weights, at every step with random widths (the first channels of each
group); then evolution looks for the widths with the best validation accuracy at the target's MACs; they keep their
weights and are fine-tuned.
Deviations: a candidate is a share per group, scaled until it meets the target, so that every one of them does. A
candidate is scored with the batch's own normalisation statistics in place of recalibrated ones. The budget
is split between the shared network and fine-tuning; what the search costs is in the row.
Expected: MobileNetV1 on ImageNet 70.9 -> 71.5 at equal MACs (AutoSlim, table 1).
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from methods.core import gates
from methods.core.api import Keep, Problem, Unsupported
from methods.core.ranking import keep_by_rank

TARGETS = ("macs",)
START = "init"


@dataclass(frozen=True)
class Knobs:
    share: float = 0.5  # of the budget, for the shared network
    narrowest: float = 0.2  # least width that is trained, as a fraction
    population: int = 16  # candidates per generation (the paper: 50)
    generations: int = 5  # the paper: 20
    parents: int = 4  # best candidates that the next generation comes from (the paper: 10)
    mutation: float = 0.3  # standard deviation of the log of a share


def learn(net: nn.Module, problem: Problem, knobs: Knobs) -> Keep:
    """Train the shared network, then search it."""
    problem.fit(
        net,
        knobs.share * problem.epochs,
        params=lambda: gates.scaled(net, problem.groups, _masks(net, _random_widths(problem, knobs.narrowest))),
    )
    groups = len(problem.groups)
    shares = torch.randn(knobs.population, groups, generator=problem.rng).mul(2 * knobs.mutation).exp()
    shares[0] = 1  # the uniform network
    best, fitness = shares[:0], torch.zeros(0)
    for generation in range(knobs.generations):
        children = shares if generation == 0 else _children(best, knobs, problem.rng)
        children = torch.stack([child if _possible(child, problem) else torch.ones_like(child) for child in children])
        fitness = torch.cat([fitness, _fitness(net, problem, [widths_for(child, problem) for child in children])])
        best = torch.cat([best, children])
        order = fitness.argsort(descending=True, stable=True)[: knobs.parents]
        best, fitness = best[order], fitness[order]
        problem.note(validation_accuracy=float(fitness[0]))
    return widths_for(best[0], problem)


def widths_for(shares: Tensor, problem: Problem) -> Keep:
    """The first channels of every group, in proportion to `shares` [groups], at the target's MACs."""
    scores = {
        group.name: -torch.arange(1, group.size + 1) / group.size / share
        for group, share in zip(problem.groups, shares, strict=True)
    }
    return keep_by_rank(scores, problem, "global")


def _possible(shares: Tensor, problem: Problem) -> bool:
    """Coarse groups in odd proportions may miss the target; the uniform network then takes the candidate's place."""
    try:
        widths_for(shares, problem)
    except Unsupported:
        return False
    return True


def _random_widths(problem: Problem, narrowest: float) -> Keep:
    """Uniform between `narrowest` and all of the channels, for every group on its own."""
    drawn = torch.rand(len(problem.groups), generator=problem.rng) * (1 - narrowest) + narrowest
    widths = {g.name: max(1, round(float(f) * g.size)) for g, f in zip(problem.groups, drawn, strict=True)}
    return {g.name: torch.arange(g.size) < widths[g.name] for g in problem.groups}


def _masks(net: nn.Module, keep: Keep) -> dict[str, Tensor]:
    parameter = next(net.parameters())
    return {name: mask.to(parameter) for name, mask in keep.items()}


def _children(best: Tensor, knobs: Knobs, rng: torch.Generator) -> Tensor:
    """Half by mutation of a parent, half by crossing two."""
    picks = torch.randint(len(best), (2, knobs.population), generator=rng)
    mother, father = best[picks[0]], best[picks[1]]
    mutated = mother * torch.randn(mother.shape, generator=rng).mul(knobs.mutation).exp()
    crossed = torch.where(torch.rand(mother.shape, generator=rng) < 0.5, mother, father)
    return torch.cat([mutated[: knobs.population // 2], crossed[knobs.population // 2 :]])


def _fitness(net: nn.Module, problem: Problem, candidates: list[Keep]) -> Tensor:
    """[candidates] validation accuracy, all on the same batches."""
    scored = copy.deepcopy(net).train()  # batch statistics; the copy's running ones are thrown away
    params = [gates.scaled(scored, problem.groups, _masks(net, keep)) for keep in candidates]
    dense = problem.macs({g.name: torch.ones(g.size, dtype=torch.bool) for g in problem.groups})
    correct, seen = torch.zeros(len(candidates)), torch.zeros(())
    with torch.no_grad():
        for batch in problem.batches(1, part="validation", state=(correct, seen)):
            logits = [torch.func.functional_call(scored, p, batch.images) for p in params]
            correct += (torch.stack(logits).argmax(2) == batch.labels).sum(1).cpu()
            seen += len(batch.labels)
            problem.charge((len(candidates) - 1) * dense * len(batch.labels))
    return correct / seen
