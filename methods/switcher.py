"""Switcher network: Han, Liu, Hai and Duan, "Mining the weights knowledge for optimizing neural network
structures", arXiv 2110.05954.

Idea: a switcher network (SNN in the paper) reads the weights of the task network (TNN) and puts out a scaling
factor per neuron, which turns it off or weights it; both are learned in turn by SGD on the same loss,
with no term that induces sparsity.
Equation: in layer l, with x_i the incoming weights of neuron i, normalised over the layer,

    p_i = v_l . ReLU(A_l x_i + b_l) / 8        an MLP of its own for every layer, 64 hidden units, v_l = 0 at the start
    s_i = max(p_i - tau_l, 0)                  tau_l such that the mean of s over the layer is 1
    readers of neuron i take in s_i a_i        a_i its activation

Steps of the weights hold s and collect dL/ds; then the switcher takes a step of length `lr` along their mean. Neurons
with s_i = 0 at the end go. Nothing is forced: the network begins as the dense one, and stays it if the switcher does
not learn.
Ours: only the paper's abstract is public to us. It fixes what the idea says; the equation, the schedule and the choice
among the readings (methods/core/switching/readings.py) are our own, and so is the straight-through gradient by which a
neuron with s_i = 0 can come back (`revive`). With target MACs, a budget turns the neurons of lowest score off
(methods/core/switching/rationing.py).
Expected: accuracy as dense, on less MACs, and no gain from reading the weights (`input: noise`, free_factor).
Measured: no published study is of this form yet. That of 0.2 (`reading: forced, reader: embedding, lr: 0.08,
budget_lr: 0.02, site: behind_norm`), its search and its numbers stand in docs/switcher.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import nn

from methods.core.api import Keep, Problem
from methods.core.switching import ablations
from methods.core.switching.alternation import Alternation, Schedule
from methods.core.switching.readings import reading
from methods.core.switching.switcher_net import Switcher

TARGETS = ("free", "macs")
START = "init"
RANGES = {
    "lr": (0.0, 100.0), "budget_lr": (0.0, 100.0), "begin": (0.0, 0.49), "end": (0.5, 1.0),
    "gain": (0.0, 100.0), "hidden": (1, 10_000),
}  # fmt: skip


@dataclass(frozen=True)
class Knobs:
    reading: Literal["plain", "centred", "two_heads", "network_wide", "forced"] = "centred"
    gain: float = 1.5  # network_wide, forced: standard deviation of the factors before the clamp, at the ramp's end
    begin: float = 0.3  # of the window in which it is trained, as a fraction of the budget; `plain` begins at 0
    end: float = 0.7  # of the window; the rest is fine-tuning
    turns: int = 60  # steps of the switcher
    lr: float = 0.3  # length of such a step, before momentum, at the start of the one schedule
    budget_lr: float = 0.1  # the same with target MACs
    # What follows is there for controls and ablations; the defaults are the method.
    reader: Literal["mlp", "embedding", "equivariant"] = "mlp"
    input: Literal["incoming", "outgoing", "both", "shuffled", "noise"] = "incoming"
    output: Literal["clamp", "relu", "hard_concrete"] = "clamp"  # network_wide, forced
    site: Literal["behind_activation", "behind_norm", "before_norm"] = "behind_activation"  # where a factor applies
    batch: Literal["same", "held_out"] = "same"  # what it learns on: the images of the weights' steps, or validation
    signal: Literal["loss", "none", "random"] = "loss"  # what it learns from: gradients, none, or of random sign
    revive: bool = True  # centred: a channel that is off has a gradient
    through: bool = False  # gradient goes on through the switcher into the weights that it reads
    hidden: int = 64  # units of the switcher's layers


def learn(net: nn.Module, problem: Problem, knobs: Knobs) -> Keep:
    """Both networks in turn; what is off at the end goes."""
    output = ablations.OUTPUTS[knobs.output](problem)
    read = reading(knobs.reading, gain=knobs.gain, revive=knobs.revive, output=output)
    reader = (knobs.reader, knobs.input, knobs.hidden, knobs.through, read.heads, read.head)
    switcher = Switcher(net, problem.groups, problem.rng, *reader)
    begin = 0.0 if knobs.reading == "plain" else knobs.begin
    lr = knobs.lr if problem.target is None else knobs.budget_lr
    kind = ablations.Through if knobs.through else ablations.HeldOut if knobs.batch == "held_out" else Alternation
    schedule = Schedule(begin, knobs.end, knobs.turns, lr)
    keep = kind(net, problem, switcher, schedule, read, knobs.site, knobs.signal).run()
    problem.save_for_transfer(switcher.state_dict())
    return keep
