"""OBD-C: Wang, Grosse, Fidler and Zhang, "EigenDamage: structured pruning in the Kronecker-factored eigenbasis",
ICML 2019.

Idea: optimal brain damage (LeCun, Denker and Solla, NIPS 1989) for channels, the paper's C-OBD: the sum over a filter
of weight^2 times the diagonal of the Hessian, taken to be that of the Fisher matrix: the mean squared gradient of
single images, with labels drawn from the network's own prediction.
As in the authors' code no layer loses more than 95 % of its filters.
Score of a channel: sum over its weights of w^2 E[(dL/dw)^2], L the loss of one image with a drawn label.
Deviations: the Fisher matrix is estimated on a few batches. A group with several writers (a residual stream) is scored
by the sum over all of them. Weights alone, without the biases. One shot, the paper's one-pass setting. The network is
in evaluation mode.
Expected: ResNet-50 on CIFAR-100 twice as fast, 78.35 -> 78.68, the first of twelve criteria, with at least 10 % of each
group kept (PruningBench's README). One threshold leaves LeNet-5's linear layers, and ResNet-8's last stage, a twentieth
of their channels before the target is met: there rank uniformly. The authors stop at a share of the filters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.nn import functional as F

from methods.core.api import Keep, Problem
from methods.core.ranking import few_batches, keep_by_rank

TARGETS = ("macs",)
START = "pretrained"
RANGES = {"batches": (1, 10000)}
LEAST = 0.05  # of a group's channels stay, the authors' (prune_ratio_limit 0.95)
CHUNK = 32  # images whose gradients are in memory at once


@dataclass(frozen=True)
class Knobs:
    batches: int = 10  # mini-batches that the Fisher matrix is estimated on; at most a tenth of the budget
    ranking: Literal["uniform", "global"] = "global"


def learn(net: nn.Module, problem: Problem, knobs: Knobs) -> Keep:
    """The Fisher diagonal over a few batches; then one shot."""
    writers = {f"{s.module}.weight" for g in problem.groups for s in g.writers}
    weights = {name: tensor.detach() for name, tensor in net.named_parameters() if name in writers}
    diagonal = {name: torch.zeros_like(tensor) for name, tensor in weights.items()}
    dense = problem.macs(problem.everything())
    for batch in few_batches(net, problem, knobs.batches, state=diagonal):
        with torch.no_grad():
            problem.loss(net, batch)  # for the history alone
        problem.charge(dense * len(batch.labels))
        draws = torch.rand(len(batch.labels), generator=problem.rng).to(batch.images.device)
        for images, drawn in zip(batch.images.split(CHUNK), draws.split(CHUNK), strict=True):
            for name, squares in squared_gradients(net, weights, images, drawn).items():
                diagonal[name] += squares
    damage = {name: (tensor.square() * diagonal[name]) for name, tensor in weights.items()}
    scores = {
        g.name: torch.stack([damage[f"{s.module}.weight"][s.index].flatten(1).sum(1) for s in g.writers]).sum(0)
        for g in problem.groups
    }
    return keep_by_rank(scores, problem, knobs.ranking, floor=LEAST)


def squared_gradients(net: nn.Module, weights: dict[str, Tensor], images: Tensor, draws: Tensor) -> dict[str, Tensor]:
    """The squared gradients of single images' loss in the weights, summed over the images.

    draws: [n] in [0, 1); what makes each image's label a sample of the network's own prediction.
    """

    def loss(weights: dict[str, Tensor], image: Tensor, draw: Tensor) -> Tensor:
        logits = functional_call(net, weights, image[None])
        below = logits.detach().softmax(1).cumsum(1)[:, :-1] <= draw
        return F.cross_entropy(logits, below.sum(1))

    gradients = vmap(grad(loss), in_dims=(None, 0, 0))(weights, images, draws)
    return {name: gradient.square().sum(0) for name, gradient in gradients.items()}
