"""Readings: from the numbers p_i that a scorer gives the neurons of a layer to their factors s_i.

With x_i the incoming weights of neuron i, normalised over its layer, and h(x_i) what the scorer computes of them:

    plain         s_i = ReLU(p_i),                    p_i = c + v.h(x_i), v random and c = 1 at the start: some neurons
                                                      begin at 0
    centred       s_i = max(p_i - tau, 0),            tau such that the layer's mean is 1: sparsemax times the width
    two_heads     s_i = 1[1 + p_i > 0] softplus(q_i) / softplus(0); the step has the derivative of a sigmoid
    network_wide  s_i = clamp(1 + gain(t) z_i, 0, 2), z_i the z-score of p_i over all neurons of the network
    forced        the same, z_i over the neurons of a layer

In `centred` and `two_heads` v = 0 at the start, so that step 0 is the dense network, and a scorer that does not learn
removes nothing: they are unforced. In `network_wide` and `forced` gain(t) ramps up from 0; a z-score forces spread, and
spread makes zeros: with Gaussian scores and a gain of 1.5, a quarter of a layer, whatever the loss says.

Only the abstract of the switcher's paper is public to us; all five are our own (see methods/switcher.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

Scores = dict[str, Tensor]
"""Group name -> [size, heads]."""

Name = Literal["plain", "centred", "two_heads", "network_wide", "forced"]
UNFORCED = ("centred", "two_heads")
"""Readings that remove nothing unless the loss's gradient reaches the scorer."""

Output = Callable[[Tensor], Tensor]
PLAIN = 32.0  # scale of the head with which the scores of `plain` spread by about 1: a sixth of the neurons begin at 0


@dataclass(frozen=True)
class Reading:
    """factors: scores and how far the window is (0 to 1) -> group name -> factors [size]."""

    factors: Callable[[Scores, float], Scores]
    heads: int = 1  # numbers a neuron; a budget ranks by the first
    head: float = 0.0  # scale of the scorer's random head at the start; 0: all scores are 0
    bias: float | None = None  # what a learned bias of the head begins with; None: the head has none


class Clamp(torch.autograd.Function):
    """Clamp to [0, 2] that blocks a gradient only where its step would leave the range further.

    A channel that is off can come back.
    """

    @staticmethod
    def forward(ctx: Any, raw: Tensor) -> Tensor:
        ctx.save_for_backward(raw)
        return raw.clamp(0.0, 2.0)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        (raw,) = ctx.saved_tensors
        (grad,) = grads
        leaves = ((raw <= 0) & (grad > 0)) | ((raw >= 2) & (grad < 0))
        return grad.masked_fill(leaves, 0.0)


def clamp(raw: Tensor) -> Tensor:
    """The output function of the ramps: [size] -> factors in [0, 2]."""
    return Clamp.apply(raw)


class Centred(torch.autograd.Function):
    """max(p - tau, 0) with a mean of 1, [size]. Its gradient is that of s_i minus the mean over those that are on.

    Sparsemax gives a channel that is off a gradient of 0. With `revive` it is passed straight through wherever its
    step would raise the score: a channel that is off can come back.
    """

    @staticmethod
    def forward(ctx: Any, p: Tensor, revive: bool) -> Tensor:
        ordered = p.sort(descending=True).values
        width = torch.arange(1, len(p) + 1, device=p.device)
        taus = (ordered.cumsum(0) - len(p)) / width  # tau, were the first k channels on
        on = (ordered > taus).sum(0, keepdim=True).clamp_min(1)  # 0 only of NaN, or of scores that float32 cannot tell
        factor = (p - taus.gather(0, on - 1)).clamp_min(0)
        ctx.save_for_backward(factor > 0)
        ctx.revive = revive
        return factor

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (on,) = ctx.saved_tensors
        (grad,) = grads
        against = grad - (grad * on).sum() / on.sum()
        passes = on | (against < 0) if ctx.revive else on
        return against * passes, None


class Step(torch.autograd.Function):
    """1 above 0, else 0, with the derivative of a sigmoid."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return (x > 0).to(x)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        (grad,) = grads
        return grad * x.sigmoid() * (-x).sigmoid()


def reading(name: Name, *, gain: float = 1.5, revive: bool = True, output: Output = clamp) -> Reading:
    """By its name. gain, output: of the two ramps. revive: of `centred`."""

    def of_a_layer(factor: Callable[[Tensor], Tensor]) -> Callable[[Scores, float], Scores]:
        return lambda scores, progress: {n: factor(p) for n, p in scores.items()}

    def ramp(z: Callable[[Scores], Scores]) -> Callable[[Scores, float], Scores]:
        return lambda scores, progress: {n: output(1 + gain * progress * own) for n, own in z(scores).items()}

    made: dict[Name, Reading] = {
        "plain": Reading(of_a_layer(lambda p: F.relu(p[:, 0])), head=PLAIN, bias=1.0),
        "centred": Reading(of_a_layer(lambda p: Centred.apply(p[:, 0], revive))),
        "two_heads": Reading(of_a_layer(_two_heads), heads=2),
        "network_wide": Reading(ramp(_over_the_network), head=1.0),
        "forced": Reading(ramp(lambda scores: {n: standardise(p[:, 0]) for n, p in scores.items()}), head=1.0),
    }
    return made[name]


def standardise(x: Tensor) -> Tensor:
    """Zero mean, unit variance over the first dimension (the channels)."""
    centred = x - x.mean(0, keepdim=True)
    return centred / (centred.square().mean(0, keepdim=True) + 1e-4).sqrt()


def _two_heads(p: Tensor) -> Tensor:
    return Step.apply(1 + p[:, 0]) * (F.softplus(p[:, 1]) / F.softplus(torch.zeros_like(p[:, 1])))


def _over_the_network(scores: Scores) -> Scores:
    z = standardise(torch.cat([p[:, 0] for p in scores.values()]))
    return dict(zip(scores, z.split([len(p) for p in scores.values()]), strict=True))
