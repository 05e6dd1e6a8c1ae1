"""Differentiable pruning via hypernetworks: Li, Gu, Zhang, Van Gool and Timofte, "DHP: differentiable meta pruning via
hypernetworks", ECCV 2020.

Idea: every group of channels has a latent vector z; a hypernetwork makes a layer's weights from those of its inputs
and outputs: their outer product, and for each of its elements a linear embedding and a linear map to the kernel. A
proximal gradient step on the latent vectors makes their elements zero; those under one threshold go, and the weights
that the others generate are trained on. Proximal step: z <- sign(z) max(|z| - lambda * rate, 0).
Strength: the authors' command for ResNet-56 on CIFAR-10 (README) has lambda 3e-4 and 782 steps an epoch at a rate of
0.1 for 20 epochs, 0.01 up to epoch 50 and 0.001 up to epoch 100 at the latest (util/trainer_dhp.py), a sum of rates of
1,838. Here lambda is rescaled to the run's own sum (methods/core/penalty.py); the search ends with its share of the
budget at the latest, and one threshold then meets the target. As in the authors' code an element counts as zero below
5e-3, a vector that has 4 elements left is not pushed further, and the 4 largest of each stay.
Not in short runs: over hundreds of steps the loss hardly moves the latent elements. They shrink alike, and end in the
order in which they were drawn (rank correlation 0.87 to 0.99 after 200 steps on planted channels,
tests/methods/test_planted.py), so that the choice is that of the random start. The authors search for 10^5 steps.
Deviations: layers whose outputs are not removed (the classifier, as in the paper) keep weights of their own, and so do
all norms and biases. The authors' ResNet never prunes the stream of its last stage (model_dhp/resnet_dhp_share.py);
here it is a group like any other. The variance of Hyperfan-in is split evenly between the two linear maps, which makes
their steps smaller. Latent vectors do not decay (the authors: by 1e-4), so that fewer elements are at zero when the
search ends. The found network trains on by the same schedule (the authors: by a new one, for 300 epochs).
Expected: ResNet-56 on CIFAR-10, 92.95 -> 93.58 at 51.0 % and 92.94 at 39.1 % of the FLOPs (table 1 of the paper,
figs/table1.png of the authors' repository).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from methods.core import gates
from methods.core.api import Group, Keep, Problem, Site
from methods.core.penalty import rescaled
from methods.core.ranking import keep_by_rank
from methods.core.widths import PASSES

TARGETS = ("macs",)
START = "init"
NO_PROMISE = ("plain", "residual", "norm-free")  # in short runs the random start chooses, see above
RANGES = {"penalty": (0, 1), "share": (0.01, 1), "every": (0.01, 10000), "embedding": (1, 1024)}
THRESHOLD = 5e-3  # on |latent element|, while the search lasts; the authors'
LEAST = 4  # elements of a latent vector above the threshold, the authors'
PAPER = 1838.0  # sum of the learning rates of the authors' search, at most


@dataclass(frozen=True)
class Knobs:
    penalty: float = 3e-4  # lambda, for the authors' search; theirs for ResNet-56 on CIFAR-10
    share: float = 0.5  # of the budget, for the search, at most
    every: float = 0.5  # epochs between two looks whether the target is reached
    embedding: int = 8  # m, per element of the outer product; the paper's
    ranking: Literal["uniform", "global"] = "global"


class Layer(nn.Module):
    """Weights [out, in, *kernel] from latent vectors [out] and [in]: the paper's equations 2 to 4."""

    def __init__(self, shape: torch.Size, embedding: int, generator: torch.Generator) -> None:
        super().__init__()
        self.shape = shape
        out, fan, kernel = shape[0], shape[1], math.prod(shape[2:])

        def uniform(*size: int, variance: float) -> nn.Parameter:
            return nn.Parameter((torch.rand(size, generator=generator) * 2 - 1) * math.sqrt(3 * variance))

        self.embed = uniform(out, fan, embedding, variance=1 / embedding)
        self.explode = uniform(out, fan, kernel, embedding, variance=1 / (fan * kernel))
        self.bias = nn.ParameterList(
            torch.zeros(size) for size in ((out, fan), (out, fan, embedding), (out, fan, kernel))
        )

    def forward(self, outputs: Tensor, inputs: Tensor) -> Tensor:
        """Weights [out, in, *kernel]. The groups of a convolution have inputs alike: the first's are taken."""
        pairs = torch.outer(outputs, inputs[: self.shape[1]]) + self.bias[0]
        embedded = pairs[..., None] * self.embed + self.bias[1]
        return ((self.explode @ embedded[..., None])[..., 0] + self.bias[2]).view(self.shape)


class Hypernetwork(nn.Module):
    """Makes the weights of every layer that writes a group of `net`; inputs that no group has get a vector too."""

    def __init__(self, net: nn.Module, groups: Sequence[Group], embedding: int, generator: torch.Generator) -> None:
        super().__init__()
        self.groups = groups
        self.latents = nn.ParameterList(torch.randn(g.size, generator=generator) for g in groups)
        self.names = list(dict.fromkeys(site.module for group in groups for site in group.writers))
        shapes = [net.get_parameter(f"{name}.weight").shape for name in self.names]
        parts = [int(getattr(net.get_submodule(name), "groups", 1)) for name in self.names]
        self.layers = nn.ModuleList(Layer(shape, embedding, generator) for shape in shapes)
        self.outputs = nn.ParameterList(torch.randn(shape[0], generator=generator) for shape in shapes)
        fans = [shape[1] * part for shape, part in zip(shapes, parts, strict=True)]
        self.inputs = nn.ParameterList(torch.randn(fan, generator=generator) for fan in fans)
        self.macs = sum(shape[:2].numel() * (1 + embedding * (1 + shape[2:].numel())) for shape in shapes)

    def forward(self) -> dict[str, Tensor]:
        """Name of a weight of the network -> the weight."""
        made = {}
        for name, layer, outputs, inputs in zip(self.names, self.layers, self.outputs, self.inputs, strict=True):
            for group, latent in zip(self.groups, self.latents, strict=True):
                outputs = _placed(latent, group.writers, name, outputs)
                inputs = _placed(latent, group.readers, name, inputs)
            made[f"{name}.weight"] = layer(outputs, inputs)
        return made


def _placed(latent: Tensor, sites: Sequence[Site], module: str, vector: Tensor) -> Tensor:
    """The vector with the latent elements where the group has its channels in the module."""
    for site in sites:
        if site.module == module:
            at = site.index.flatten()
            vector = vector.index_put((at,), latent.repeat_interleave(site.index.shape[1]))
    return vector


def learn(net: nn.Module, problem: Problem, knobs: Knobs) -> Keep:
    """Train the hypernetwork with proximal steps, until the elements above the threshold meet the target."""
    assert problem.target is not None
    device = next(net.parameters()).device
    hyper = Hypernetwork(net, problem.groups, knobs.embedding, problem.rng).to(device)
    optimizer = problem.optimizer(net, hyper)
    goal = problem.target * problem.macs(problem.everything())
    budget = problem.epochs
    looks = max(1, round(knobs.share * budget / knobs.every))
    penalty = rescaled(knobs.penalty, PAPER, problem, knobs.share * budget, 1.0)  # of rates as fractions
    net.train()
    for look in range(1, looks + 1):
        until = budget * (1 - knobs.share * look / looks)
        for batch in problem.batches(problem.epochs - until, state=(net, hyper, optimizer)):
            optimizer.zero_grad()
            problem.loss(net, batch, hyper()).backward()
            optimizer.step()
            proximal(hyper.latents, penalty * problem.rate)
            problem.charge(PASSES * hyper.macs)
        alive = {g.name: (z.abs() >= THRESHOLD).cpu() for g, z in zip(problem.groups, hyper.latents, strict=True)}
        problem.note(channels=sum(int(mask.sum()) for mask in alive.values()))
        if problem.macs(alive) <= goal:
            break
    gates.write(net, hyper())
    scores = {g.name: z.detach().abs() for g, z in zip(problem.groups, hyper.latents, strict=True)}
    for score in scores.values():
        score[score.topk(min(LEAST, len(score))).indices] = torch.inf
    return keep_by_rank(scores, problem, knobs.ranking)


@torch.no_grad()
def proximal(latents: nn.ParameterList, threshold: float) -> None:
    """The proximal operator of threshold * |z|, in place: soft thresholding, of vectors with more than LEAST left."""
    for latent in latents:
        enough = (latent.abs() >= THRESHOLD).sum() > LEAST
        latent.copy_(torch.where(enough, F.softshrink(latent, threshold), latent))
