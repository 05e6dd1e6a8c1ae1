"""Switcher network: Han, Liu, Hai and Duan, "Mining the weights knowledge for optimizing neural network
structures", arXiv 2110.05954.

Idea: a switcher network (SNN in the paper) reads the weights of the task network (TNN) and outputs a gate per neuron,
which turns the neuron off or scales it; both networks are trained in turn by SGD on the same loss, with no term that
induces sparsity.
Equation: in layer l, with x_i the incoming weights of neuron i, normalised over the layer,

    p_i = v_l . ReLU(A_l x_i + b_l) / 8        an MLP of its own for every layer, 64 hidden units, v_l = 0 at the start
    s_i = max(p_i - tau_l, 0)                  tau_l such that the mean of s over the layer is 1
    the readers of neuron i get s_i a_i        a_i its activation

While the weights are trained, s is held constant and dL/ds is averaged over the steps; then the switcher takes one step
of length `lr` along this mean gradient. Neurons with s_i = 0 at the end are removed. Sparsity is not forced: all gates
begin at 1, so that the network begins as the dense one, and it stays dense if the switcher does not learn.
Ours: only the paper's abstract is public to us. It fixes what the idea says; the equation, the schedule and the choice
of reading (the function from scores p to gates s, methods/core/switching/readings.py) are our own, and so is the
straight-through gradient by which a neuron with s_i = 0 can be turned on again (`revive`). With target MACs, the
neurons of lowest score are turned off until the target is met (methods/core/switching/rationing.py).
Expected: the accuracy of the dense network at fewer MACs, and no gain from reading the weights (against
`input: noise` and `free_factor`).
Measured: on CIFAR-10 with LeNet-5 at twice its width and ResNet-8 (config/cifar10.yaml, 5 paired seeds) it removes
nothing and differs from dense by +0.26 [-0.17, +0.68] and -0.02 [-0.20, +0.17] points, from noise as input by -0.05 and
+0.03. At 35 % of the MACs it is 1.43 [0.56, 2.30] points below uniform width, on average over both.
docs/switcher.md has the search and the form of version 0.2 (`reading: forced, reader: embedding, lr: 0.08, budget_lr:
0.02, site: behind_norm`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import nn

from methods.core.api import Keep, Problem
from methods.core.switching import ablations
from methods.core.switching.alternation import Schedule
from methods.core.switching.readings import reading
from methods.core.switching.switcher_net import Switcher

TARGETS = ("free", "macs")
START = "init"
RANGES = {
    "lr": (0.0, 100.0), "budget_lr": (0.0, 100.0), "begin": (0.0, 0.49), "end": (0.5, 1.0),
    "turns": (1, 100_000), "gain": (0.0, 100.0), "hidden": (1, 10_000),
}  # fmt: skip


@dataclass(frozen=True)
class Knobs:
    reading: Literal["plain", "centred", "two_heads", "network_wide", "forced"] = "centred"
    gain: float = 1.5  # network_wide, forced: standard deviation of the gates before the clamp, at the window's end
    begin: float = 0.3  # of the window in which the switcher is trained, in fractions of the budget; 0 for `plain`
    end: float = 0.7  # of that window; fine-tuning follows
    turns: int = 60  # steps of the switcher within the window
    lr: float = 0.3  # length of such a step, before momentum, at the start of the learning rate schedule
    budget_lr: float = 0.1  # the same, in runs with target MACs
    # The knobs below are for controls and ablations; their defaults are the method.
    reader: Literal["mlp", "embedding", "equivariant"] = "mlp"
    input: Literal["incoming", "outgoing", "both", "shuffled", "noise"] = "incoming"
    output: Literal["clamp", "relu", "hard_concrete"] = "clamp"  # network_wide, forced
    site: Literal["behind_activation", "behind_norm", "before_norm"] = "behind_activation"  # where a gate applies
    # The switcher's images: those of the weights' steps; validation; training images in turns of their own, of which
    # `turns` is then the number.
    batch: Literal["same", "held_out", "epochs"] = "same"
    signal: Literal["loss", "none", "random"] = "loss"  # the switcher's gradient: as it is, none, random sign
    revive: bool = True  # centred: a channel that is off gets a gradient
    through: bool = False  # the gradient also flows through the switcher into the weights that it reads
    hidden: int = 64  # hidden units per layer of the switcher


def learn(net: nn.Module, problem: Problem, knobs: Knobs) -> Keep:
    """Train both networks in turn; channels that are off at the end are removed."""
    output = ablations.OUTPUTS[knobs.output](problem)
    read = reading(knobs.reading, gain=knobs.gain, revive=knobs.revive, output=output)
    reader = (knobs.reader, knobs.input, knobs.hidden, knobs.through, read.heads, read.head, read.bias)
    switcher = Switcher(net, problem.groups, problem.rng, *reader)
    begin = 0.0 if knobs.reading == "plain" else knobs.begin
    lr = knobs.lr if problem.target is None else knobs.budget_lr
    kind = ablations.Through if knobs.through else ablations.BATCHES[knobs.batch]
    schedule = Schedule(begin, knobs.end, knobs.turns, lr)
    keep = kind(net, problem, switcher, schedule, read, knobs.site, knobs.signal).run()
    problem.save_for_transfer(switcher.scores.state_dict())
    return keep
