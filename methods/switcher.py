"""The switcher network: Han, Liu, Hai and Duan, "Mining the weights knowledge for optimizing neural network
structures", arXiv 2110.05954.

Idea: a switcher network (SNN in the paper) reads the weights of the task network (TNN) and puts out a scaling
factor per neuron, which turns it off or weights it; both are learned in turn by SGD on the same loss,
with no term that induces sparsity.
Ours: only the paper's abstract is public to us. Encoding (methods/core/switcher_net.py), bounds, schedule and
alternation (methods/core/alternation.py) are our own, and none of them is the paper's. The zeros come from a
ramp of the factors' spread, which is a structural push and no penalty.
Expected, from a prototype of this form on Fashion-MNIST (LeNet-5, 30,000 images, 5 epochs): accuracy as dense,
+0.12 [-0.15, +0.39] points, at 84 % of the MACs; `free_factor`, which reads no weights, does as well.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from methods.core.alternation import Schedule, learn_in_turn
from methods.core.api import Keep, Problem
from methods.core.switcher_net import Switcher

TARGETS = ("free",)
START = "init"


@dataclass(frozen=True)
class Knobs:
    gain: float = 1.5  # standard deviation of the factors before the clamp, at the end of the ramp
    begin: float = 0.3  # of ramp and switcher training, as a fraction of the budget
    end: float = 0.7  # of both; the rest is fine-tuning
    period: int = 3  # steps of the task network for one of the switcher
    lr: float = 0.005  # of the switcher, at the start of the one schedule
    clip: float = 0.3  # norm of the switcher's gradient


def learn(net: nn.Module, problem: Problem, knobs: Knobs) -> Keep:
    """Both networks in turn; what is off at the end goes."""
    switcher = Switcher(net, problem.groups, problem.rng).to(next(net.parameters()).device)
    schedule = Schedule(knobs.gain, knobs.begin, knobs.end, knobs.period, knobs.lr, knobs.clip)
    return learn_in_turn(net, problem, switcher, lambda: switcher(net), schedule, switcher.macs)
