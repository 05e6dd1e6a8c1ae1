"""MetaPruning: Liu, Mu, Zhang, Guo, Yang, Cheng and Sun, "MetaPruning: meta learning for automatic neural network
channel pruning", ICCV 2019.

Idea: a PruningNet of two fully connected layers for each layer generates its weights W = F2 relu(F1 e) from e, the
widths of the channels that it reads and writes, as fractions; it is trained with widths drawn anew in every step.
Evolution then looks for the widths with the best validation accuracy, under generated weights, at the target's MACs.
The network of these widths is trained from new weights.
Deviations: the authors have a norm for every width, without scale or bias, whose statistics the search recalibrates;
here all widths share a norm, which keeps a scale and a bias, and a candidate is scored with the batch's own statistics.
Layers without a group keep their weights. A candidate's widths are scaled to meet the target, in place of drawing until
they do. Weights begin at the size that the fan-in asks for. Hidden units are divided by the root of their number, which
makes the steps smaller: LeNet-5, without norms, does not learn otherwise. Fewer candidates and generations. The last
stage is narrowed, too, and its classifier is generated. Search and training share one budget, half for each by default;
with `budget: paper` the found network is trained for all epochs.
Expected: ResNet-50 on ImageNet, 76.6 -> 75.4 at 2.0 of 4.1 GMACs (table ResNet in the README of the authors'
repository).
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from methods.core import gates
from methods.core.api import Batch, Factors, Keep, Problem
from methods.core.search import evolve, pairs
from methods.core.structure.layers import WEIGHTED
from methods.core.widths import PASSES, masks, random_widths

TARGETS = ("macs",)
START = "init"
RETRAIN = "scratch"
NO_PROMISE = ("plain", "residual", "norm-free")  # it finds widths and keeps the first channels of each group
RANGES = {
    "share": (0.0, 0.95), "hidden": (1, 10_000), "narrowest": (0.0, 1.0), "smoothing": (0.0, 1.0),
    "mutation": (0.0, 1.0), "population": (1, 1000), "generations": (1, 1000), "parents": (1, 1000),
}  # fmt: skip


@dataclass(frozen=True)
class Knobs:
    share: float = 0.5  # of the budget, for the PruningNet
    hidden: int = 32  # units between its two layers; the authors'
    narrowest: float = 0.1  # least width, as a fraction; the authors'
    smoothing: float = 0.1  # of the labels that the PruningNet learns; the authors'
    population: int = 16  # candidates per generation (the authors: 50)
    generations: int = 5  # the authors: 20
    parents: int = 4  # best candidates that the next generation comes from (the authors: 10)
    mutation: float = 0.1  # probability that a width is drawn anew; the authors'
    budget: Literal["shared", "paper"] = "shared"  # "paper": all epochs again for the found network


class PruningNet(nn.Module):
    """Generates the weight of every layer of `net` that has a group, from the widths of its groups, as fractions."""

    def __init__(self, net: nn.Module, problem: Problem, hidden: int) -> None:
        super().__init__()
        self.groups = problem.groups
        self.ones = copy.deepcopy(net).requires_grad_(False)  # scaled by masks, they are masks for parameters
        for parameter in self.ones.parameters():
            parameter.fill_(1.0)
        touching = {
            name: [g.name for g in self.groups if any(site.module == name for site in (*g.writers, *g.readers))]
            for name, module in net.named_modules()
            if isinstance(module, WEIGHTED)
        }
        self.encodes = [groups for groups in touching.values() if groups]
        self.names = [name for name, groups in touching.items() if groups]
        self.shapes = [net.get_parameter(f"{name}.weight").shape for name in self.names]
        self.first, self.second = nn.ModuleList(), nn.ModuleList()
        for shape, groups in zip(self.shapes, self.encodes, strict=True):
            first, second = nn.Linear(len(groups), hidden), nn.Linear(hidden, shape.numel())
            bounds = (1.0, 1.0, *[shape[1:].numel() ** -0.5] * 2)
            for parameter, bound in zip([*first.parameters(), *second.parameters()], bounds, strict=True):
                parameter.data.uniform_(-bound, bound, generator=problem.rng)
            self.first.append(first)
            self.second.append(second)
        self.scale = hidden**-0.5
        encoded = zip(self.encodes, self.shapes, strict=True)
        self.macs = sum(hidden * (len(groups) + shape.numel()) for groups, shape in encoded)

    def forward(self, factors: Factors) -> dict[str, Tensor]:
        """Name of a weight -> the weight for the widths of these masks."""
        width = {name: factor.mean() for name, factor in factors.items()}
        made = {}
        layers = zip(self.names, self.shapes, self.encodes, self.first, self.second, strict=True)
        for name, shape, groups, first, second in layers:
            hidden = self.scale * torch.relu(first(torch.stack([width[group] for group in groups])))
            made[f"{name}.weight"] = second(hidden).view(shape)
        return made

    def params(self, net: nn.Module, factors: Factors) -> dict[str, Tensor]:
        """The tensors with which `net` is the pruned network: generated weights, and masks on all that has a gate."""
        made = self(factors)
        masked = gates.scaled(self.ones, self.groups, factors)
        own = dict(net.named_parameters()) | made
        return made | {name: own[name] * mask for name, mask in masked.items()}


def learn(net: nn.Module, problem: Problem, knobs: Knobs) -> Keep:
    """Train the PruningNet, then search by it."""
    device = next(net.parameters()).device
    meta = PruningNet(net, problem, knobs.hidden).to(device)
    train(net, meta, problem, knobs)
    widths = evolve(
        problem,
        lambda: draw((knobs.population, len(problem.groups)), knobs, problem.rng),
        lambda best: children(best, knobs, problem.rng),
        lambda candidates: accuracies(net, meta, problem, candidates),
        population=knobs.population,
        generations=knobs.generations,
        parents=knobs.parents,
    )
    gates.write(net, meta(masks(net, widths)))
    return widths


def train(net: nn.Module, meta: PruningNet, problem: Problem, knobs: Knobs) -> None:
    """Train the PruningNet and what is left of `net` on smoothed labels, at random widths."""
    optimizer = problem.optimizer(net, meta)
    decayed, others = (settings["params"] for settings in optimizer.param_groups)
    own = {id(p) for p in meta.parameters()}
    decayed += [p for p in others if id(p) in own]  # as in the authors' code: no part of a weight fades alone
    others[:] = [p for p in others if id(p) not in own]
    net.train()
    for batch in problem.batches(problem.epochs, state=(net, meta, optimizer)):
        params = meta.params(net, masks(net, random_widths(problem, knobs.narrowest)))
        logits = problem.logits(net, batch.images, params)
        labels = F.one_hot(batch.labels, classes := logits.shape[1]) * (1 - knobs.smoothing) + knobs.smoothing / classes
        optimizer.zero_grad()
        problem.loss(nn.Identity(), Batch(logits, labels)).backward()
        optimizer.step()
        problem.charge(PASSES * meta.macs)


def draw(size: tuple[int, ...], knobs: Knobs, rng: torch.Generator) -> Tensor:
    """Random widths, as fractions."""
    return torch.rand(size, generator=rng) * (1 - knobs.narrowest) + knobs.narrowest


def children(best: Tensor, knobs: Knobs, rng: torch.Generator) -> Tensor:
    """[population, groups]: half by mutation of a parent, half by crossing two."""
    mother, father = pairs(best, knobs.population, rng)
    drawn = draw(mother.shape, knobs, rng)
    mutated = torch.where(torch.rand(mother.shape, generator=rng) < knobs.mutation, drawn, mother)
    crossed = torch.where(torch.rand(mother.shape, generator=rng) < 0.5, mother, father)
    half = knobs.population // 2
    return torch.cat([mutated[:half], crossed[half:]])


@torch.no_grad()
def accuracies(net: nn.Module, meta: PruningNet, problem: Problem, candidates: list[Keep]) -> Tensor:
    """[candidates]: validation accuracy of each with the weights generated for it, all on the same batches."""
    scored = copy.deepcopy(net).train()
    params = [meta.params(scored, masks(net, keep)) for keep in candidates]
    problem.charge(len(candidates) * meta.macs)
    dense = problem.macs(problem.everything())
    correct, seen = torch.zeros(len(candidates), device=params[0][f"{meta.names[0]}.weight"].device), torch.zeros(())
    for batch in problem.batches(1, part="validation", state=(correct, seen)):
        logits = torch.stack([functional_call(scored, p, batch.images) for p in params])
        correct += (logits.argmax(2) == batch.labels).sum(1)
        seen += len(batch.labels)
        problem.charge((len(candidates) - 1) * dense * len(batch.labels))
    return correct.cpu() / seen
