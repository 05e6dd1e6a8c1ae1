"""Sparse structure selection: Huang and Wang, "Data-driven sparse structure selection for deep neural networks",
ECCV 2018.

Idea: a factor per structure with an L1 penalty, learned along with the weights by an accelerated proximal
gradient, which makes exact zeros; those structures go, and the rest is fine-tuned.
Equation: with lambda_i >= 0 on channel i, z = soft(lambda - eta dL/dlambda, eta gamma), v' = z - lambda + 0.9 v,
lambda' = z + 0.9 v' (the paper's equations 9 to 11).
Strength: gamma is 0.01, the authors' for factors on whole residual blocks of ResNet-50 on ImageNet (config/cfgs.py).
Their 100 epochs are so long that a factor that the loss does not need is at 0 within the first; in a short run gamma is
raised until such a factor is at 0 after half of the steps (methods/core/penalty.py, `reaching`).
Deviations: the factors are on channels, as in the paper's VGG; the paper's ResNets have one per block. A factor applies
behind the activation, where a factor of 0 still has a gradient, as the authors put theirs where no ReLU follows. It is
folded into the norm in front of the ReLU, which gives the same logits, as factors are not negative. Folded into the
weights W of the next layer, small factors would make the steps of fine-tuning large: a norm behind that layer cancels
the size of W, and a step changes what is left by lr / |W|^2. The budget is split between the two trainings.
Layers without a norm, which the paper's networks do not have (LeNet-5), get a fiftieth of gamma: nothing makes up for
factors that shrink together. In runs of fewer than some 400 steps gamma is raised so far that all of them reach 0
before the loss has begun to fall.
Expected: VGG-16 on CIFAR-10, 93.96 -> 93.02 at 58.4 % of the MACs (README of CORING, which quotes the paper).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from methods.core import gates
from methods.core.api import Factors, Keep, Problem
from methods.core.penalty import BARE, reaching
from methods.core.structure.layers import evaluating, norms_with_scale

TARGETS = ("free",)
START = "init"
RANGES = {"penalty": (0.0, 100.0), "lr": (0.0, 100.0), "share": (0.0, 1.0)}
MOMENTUM = 0.9  # the paper's
NORM: gates.Place = "behind_norm"


@dataclass(frozen=True)
class Knobs:
    penalty: float = 1e-2  # gamma, on the sum of |factor|; the authors'
    lr: float = 0.1  # eta of the factors at the start of the schedule, the paper's
    share: float = 0.7  # of the budget, for learning the factors
    site: Literal["behind_activation", "behind_norm", "before_norm"] = "behind_activation"  # where a factor applies


def learn(net: nn.Module, problem: Problem, knobs: Knobs) -> Keep:
    """Weights by SGD, factors by the proximal step, from the same backward pass."""
    device = next(net.parameters()).device
    factors = {g.name: torch.ones(g.size, device=device, requires_grad=True) for g in problem.groups}
    velocity = {name: torch.zeros_like(factor) for name, factor in factors.items()}
    epochs = knobs.share * problem.epochs
    normed = {g.name for g in problem.groups if norms_with_scale(net, g)}
    penalties = {
        g.name: reaching(knobs.penalty * (1.0 if g.name in normed else BARE), 1.0, problem, epochs, knobs.lr, MOMENTUM)
        for g in problem.groups
    }

    def proximal_step() -> None:
        eta = knobs.lr * problem.rate
        for name, factor in factors.items():
            accelerated(factor, velocity[name], eta, penalties[name])
        problem.note(channels=torch.stack([(factor != 0).sum() for factor in factors.values()]).sum())

    problem.fit(
        net,
        epochs,
        params=lambda: gates.scaled(net, problem.groups, factors, knobs.site),
        after_step=proximal_step,
        state=(factors, velocity),
    )
    fold(net, problem, factors, knobs.site)
    return {name: (factor != 0).cpu() for name, factor in factors.items()}


@torch.no_grad()
def fold(net: nn.Module, problem: Problem, factors: Factors, site: gates.Place) -> None:
    """Into the norms behind the layers that write a channel, where that gives the same logits as at `site`."""
    with evaluating(net):
        at, behind = (gates.gated(net, problem.groups, factors, problem.example, place) for place in (site, NORM))
    gates.fold(net, problem.groups, factors, NORM if torch.allclose(at, behind, rtol=1e-3, atol=1e-4) else site)


@torch.no_grad()
def accelerated(factor: torch.Tensor, velocity: torch.Tensor, eta: float, penalty: float) -> None:
    """One step of the paper's equations 9 to 11, in place: soft threshold, then Nesterov's momentum.

    A factor is never negative, as in the authors' code: one that momentum carries past zero would come back as the
    channel's opposite.
    """
    assert factor.grad is not None
    z = torch.nn.functional.softshrink(factor - eta * factor.grad, eta * penalty)
    velocity.mul_(MOMENTUM).add_(z - factor)
    factor.copy_((z + MOMENTUM * velocity).clamp_min(0))
    factor.grad = None
