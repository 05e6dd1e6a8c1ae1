"""Evolution over widths: what the searches with a trained network of many widths have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import torch
from torch import Tensor

from methods.core.api import Keep, Problem, Unsupported
from methods.core.widths import possible

TRIES = 10  # times that a generation of a search is filled up with children, and then with random candidates


def evolve(
    problem: Problem,
    draw: Callable[[], Tensor],
    children: Callable[[Tensor], Tensor],
    score: Callable[[list[Keep]], Tensor],
    *,
    population: int,
    generations: int,
    parents: int,
) -> Keep:
    """The fittest widths at the target's MACs.

    draw: random candidates [population, groups]. children: as many, made of the best ones [<= parents, groups]. score:
    the fitness of each of these widths. No widths are scored twice, so that copies do not fill the parents' places: a
    generation takes new ones of its children until it is full, and of random candidates if it is not after `TRIES`.
    Raises Unsupported where no candidate can meet the target.
    """
    seen = set[tuple[int, ...]]()
    best, widths, fitness = torch.zeros(0, len(problem.groups)), list[Keep](), torch.zeros(0)
    for _ in range(generations):
        made = (children(best) if len(best) and i < TRIES else draw() for i in range(2 * TRIES))
        new = list(islice(_unseen(made, problem, seen), population))
        if new:
            found, keeps = [candidate for candidate, _ in new], [keep for _, keep in new]
            best, fitness = torch.cat([best, torch.stack(found)]), torch.cat([fitness, score(keeps)])
            widths += keeps
        if widths:
            order = fitness.argsort(descending=True, stable=True)[:parents]
            best, widths, fitness = best[order], [widths[i] for i in order], fitness[order]
            problem.note(validation_accuracy=float(fitness[0]))
    if not widths:
        raise Unsupported(f"no candidate keeps {problem.target:.1%} of the MACs")
    return widths[0]


def _unseen(made: Iterable[Tensor], problem: Problem, seen: set[tuple[int, ...]]) -> Iterator[tuple[Tensor, Keep]]:
    """The candidates whose widths can meet the target and are not in `seen`, to which they are added."""
    for shares in made:
        for candidate, keep in zip(*possible(shares, problem), strict=True):
            counts = tuple(int(mask.sum()) for mask in keep.values())
            if counts not in seen:
                seen.add(counts)
                yield candidate, keep


def pairs(best: Tensor, count: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Two parents of the best [parents, groups] for each of `count` children; two different ones where there are."""
    first = torch.randint(len(best), (count,), generator=rng)
    apart = torch.randint(1, max(len(best), 2), (count,), generator=rng)
    return best[first], best[(first + apart) % len(best)]
