"""Differentiable architecture search (DARTS): Liu, Simonyan and Yang, "DARTS: Differentiable architecture search", ICLR
2019.

Idea: a cell is a graph whose every edge is a mixture of all operations. In turn, the mixture's weights (alpha) take a
step on a validation batch and the operations' weights on a training batch (the first-order form). After the search,
each node keeps its two strongest edges, and each edge its strongest operation; a network of such cells is trained.
Deviations: the result is a new network, not a pruned one. It is compared at equal MACs: its stem and width are chosen
so that the found cells meet the target. Both networks, searched and trained, have three cells of two nodes (the paper:
8 and 20 cells of four). The stem has stride 2 where full-resolution maps would leave the cells fewer than 8 channels.
Alpha has a larger learning rate, because the search takes hundreds of steps in place of 50 epochs; it learns on the
validation part in place of half of the training part. No cutout, drop path or auxiliary head: one recipe trains all
networks. The learning rate of the search falls to 0 (the authors': from 0.025 to 0.001). Search and training share the
budget, half each by default (the paper: 50 epochs of search, then 600 of training); the found network is trained from
new weights, on a schedule of its own. With `budget: paper` it is trained for all epochs.
Expected: on CIFAR-10, 3.00 % error (first order), where random cells have 3.29 % (the paper's table 1); here, with a
short budget from new weights, below pruned networks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from math import log
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from methods.core.api import Batch, OwnNetwork, Problem, Unsupported
from methods.core.cells import OPERATIONS, CellNetwork, discretise
from methods.core.ranking import TOLERANCE

TARGETS = ("macs",)
START = "init"
RETRAIN = "scratch"
NO_PROMISE = ("plain", "residual", "norm-free")  # it builds a network of its own
RANGES = {
    "share": (0.0, 0.95), "cells": (1, 100), "nodes": (1, 100), "width": (1, 1000), "lr": (0.0, 100.0),
    "decay": (0.0, 1.0), "clip": (0.0, 1e6),
}  # fmt: skip
KINDS = ("normal", "reduce")
NARROWEST = 8  # channels of the first cell, below which a stem of stride 2 gives more of them
PASSES = 3  # forward, and a backward that costs two forward passes


@dataclass(frozen=True)
class Knobs:
    share: float = 0.5  # of the budget, for the search
    cells: int = 3  # in both networks (the paper: 8 searched, 20 trained)
    nodes: int = 2  # in a cell (the paper: 4, at almost three times the operations)
    width: int = 8  # channels of the searched network's first cell (the paper: 16)
    lr: float = 0.02  # of alpha, by Adam (the paper: 3e-4, for 50 epochs)
    decay: float = 1e-3  # weight decay of alpha, the paper's
    clip: float = 5.0  # norm of the weights' gradient in the search, the paper's
    budget: Literal["shared", "paper"] = "shared"  # "paper": all epochs again for the found network


def learn(net: nn.Module, problem: Problem, knobs: Knobs) -> OwnNetwork:
    """Search the cells, size the network, draw its weights."""
    example = problem.example
    with torch.no_grad():
        classes = net.eval()(example).shape[1]
    alphas = search(classes, problem, knobs)
    genes = {kind: discretise(alpha.softmax(1).cpu(), knobs.nodes) for kind, alpha in alphas.items()}
    assert problem.target is not None
    goal = problem.target * problem.macs(problem.everything())
    shape = sized({"classes": classes, "genes": genes, "cells": knobs.cells}, example, goal)
    return OwnNetwork(seeded(problem.rng, lambda: build(example, shape)).to(example.device), shape)


def build(example: Tensor, shape: dict[str, Any]) -> nn.Module:
    """The network of a shape, for images like `example` [1, c, h, w], on the default device."""
    genes = {kind: [[((name,), source) for name, source in node] for node in shape["genes"][kind]] for kind in KINDS}
    sizes = {name: shape[name] for name in ("cells", "width", "stem", "stride")}
    net = CellNetwork(example.shape[1], shape["classes"], genes, **sizes)
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # equal bits, however it is built


def search(classes: int, problem: Problem, knobs: Knobs) -> dict[str, Tensor]:
    """Kind of cell -> alpha [edges, operations]; the first operation is zero."""
    example, rng = problem.example, problem.rng
    every = [[(OPERATIONS, source) for source in range(2 + node)] for node in range(knobs.nodes)]
    sizes = {"cells": knobs.cells, "width": knobs.width, "stem": 3 * knobs.width, "stride": 1, "affine": False}
    supernet = seeded(
        rng, lambda: CellNetwork(example.shape[1], classes, dict.fromkeys(KINDS, every), **sizes)  # type: ignore[arg-type]
    ).to(example.device)  # fmt: skip
    shape = sum(map(len, every)), 1 + len(OPERATIONS)
    alphas = {kind: (1e-3 * torch.randn(shape, generator=rng)).to(example.device).requires_grad_() for kind in KINDS}
    adam = torch.optim.Adam(alphas.values(), lr=knobs.lr, betas=(0.5, 0.999), weight_decay=knobs.decay)
    sgd = problem.optimizer(supernet)
    dearer = _macs(supernet, example, mixture(alphas)) - problem.macs(problem.everything())
    supernet.train()
    for batch in problem.batches(problem.epochs, state=(supernet, alphas, adam, sgd)):
        held_out = problem.sample("validation")
        alpha_step(supernet, alphas, adam, problem, held_out)
        weight_step(supernet, alphas, sgd, problem, batch, knobs.clip)
        problem.charge(PASSES * dearer * (len(batch.labels) + len(held_out.labels)))
    return {kind: alpha.detach() for kind, alpha in alphas.items()}


def mixture(alphas: dict[str, Tensor]) -> dict[str, Tensor]:
    """Kind -> [edges, operations]: how much of each operation is in an edge; what zero takes is missing."""
    return {kind: alpha.softmax(1)[:, 1:] for kind, alpha in alphas.items()}


class Mixed(nn.Module):
    """The supernet with its operations weighted: a network of images alone."""

    def __init__(self, supernet: nn.Module, weights: dict[str, Tensor]) -> None:
        super().__init__()
        self.supernet, self.weights = supernet, weights

    def forward(self, images: Tensor) -> Tensor:
        return self.supernet(images, self.weights)


def alpha_step(
    supernet: nn.Module, alphas: dict[str, Tensor], adam: torch.optim.Optimizer, problem: Problem, batch: Batch
) -> None:
    """One step of alpha alone."""
    logits = problem.logits(Mixed(supernet, mixture(alphas)), batch.images)
    loss = F.cross_entropy(logits, batch.labels)
    gradients = torch.autograd.grad(loss, list(alphas.values()), allow_unused=True)  # two cells have no normal one
    for alpha, gradient in zip(alphas.values(), gradients, strict=True):
        alpha.grad = gradient
    adam.step()


def weight_step(
    supernet: nn.Module,
    alphas: dict[str, Tensor],
    sgd: torch.optim.Optimizer,
    problem: Problem,
    batch: Batch,
    clip: float,
) -> None:
    """One step of the weights alone."""
    weights = {kind: weight.detach() for kind, weight in mixture(alphas).items()}
    sgd.zero_grad()
    problem.loss(Mixed(supernet, weights), batch).backward()
    nn.utils.clip_grad_norm_(supernet.parameters(), clip)
    sgd.step()


def sized(shape: dict[str, Any], example: Tensor, goal: float) -> dict[str, Any]:
    """The shape with the width and stem that meet `goal` MACs, the stem near three times the width, the paper's.

    Raises Unsupported where none comes near.
    """
    found: list[dict[str, Any]] = []
    for stride in (1, 2):
        fits, macs = [], macs_of(shape | {"stride": stride}, example)
        for width in count(1):
            slope = macs(width, 2) - macs(width, 1)
            stem = 1 + round((goal - macs(width, 1)) / slope)
            if stem < 1:
                break
            if abs(macs(width, stem) - goal) <= TOLERANCE * goal:
                fits.append(shape | {"stride": stride, "width": width, "stem": stem})
        found += sorted(fits, key=lambda fit: abs(log(fit["stem"] / fit["width"] / 3)))[:1]
        if found and found[-1]["width"] >= NARROWEST:
            return found[-1]
    if not found:
        raise Unsupported(f"no network of the cells that were found has {goal:.0f} MACs")
    return max(found, key=lambda fit: fit["width"])


def macs_of(shape: dict[str, Any], example: Tensor) -> Callable[[int, int], int]:
    """(width, stem) -> MACs: quadratic in the width, linear in the stem, so that five counts give them all."""

    def counted(width: int, stem: int) -> int:
        with torch.device("meta"):
            return _macs(build(example, shape | {"width": width, "stem": stem}), torch.empty(example.shape))

    one, two, three = (counted(width, 1) for width in (1, 2, 3))
    slope, more = counted(1, 2) - one, counted(2, 2) - two

    def macs(width: int, stem: int) -> int:
        n = width - 1
        thin = one + n * (two - one) + n * (n - 1) // 2 * (three - 2 * two + one)
        return thin + (stem - 1) * (slope + n * (more - slope))

    return macs


def seeded(rng: torch.Generator, make: Callable[[], nn.Module]) -> nn.Module:
    """A network whose weights are drawn from `rng`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(torch.randint(2**31, (), generator=rng)))
        return make()


@torch.no_grad()
def _macs(net: nn.Module, *inputs: Any) -> int:
    with FlopCounterMode(display=False) as counter:
        net.eval()(*inputs)
    return counter.get_total_flops() // 2
