"""Switcher transfer, a question of our own: the equivariant switcher, trained on one network, applied to another.

Idea: only a network that reads weights can carry what it has learned to a network of another depth, width or kind. At
`from:<network>` the switcher begins with the parameters that `switcher` with the equivariant reader ended with on that
network, same dataset and seed. By default it is only read; with `train: true` it is trained further. At
`from:<network>+<network>` it has been trained on both, one after the other.
Equation: s_i = clamp(1 + gain(t) z_i, 0, 2), z_i the z-score over the layer of p_i (`reading: forced`): a reading that
begins as the dense network would remove next to nothing without training.
Ours: there is no paper. The cost of the source is in the source's row and not in this one.
Expected: nothing is published. Measured on a fifth of CIFAR-10 (config/reading_transfer.yaml, 5 seeds, points of test
accuracy with 95 % t-intervals): trained on LeNet-5 at 4x width and applied to it anew, -0.09 [-0.40, +0.21] against
dense at 94 % of the MACs, and +0.56 [+0.06, +1.06] against the weights of other neurons as input at the same MACs;
applied to 2x width, -1.73 [-2.97, -0.50] at 88 %, and -0.17 [-1.64, +1.29]. Trained on 2x and then 4x width
(config/reading_meta.yaml), against the weights of other neurons: +0.20 [-0.40, +0.80] on 4x width, -0.14 [-1.17, +0.88]
on 2x, +0.96 [-1.54, +3.47] on LeNet-5 itself, which it has not seen. On digits, with factors in front of the
activation (config/transfer.yaml, version 0.2), against the same reader trained on the network itself: from one
network (30 pairs of runs) -0.01 [-0.23, +0.22] without training, -0.15 [-0.35, +0.06] with it; from two networks (10
pairs) -0.12 [-0.56, +0.32] and -0.04 [-0.46, +0.38]. A switcher that was never trained (`lr: 0`) differs from the
transferred one by -0.10 [-0.38, +0.18] and keeps 16 points less of the MACs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import nn

from methods.core.api import Keep, Problem
from methods.core.switching.alternation import Alternation, Schedule
from methods.core.switching.readings import reading
from methods.core.switching.switcher_net import Switcher

TARGETS = ("from",)
START = "init"
SOURCE = {"switcher": {"reading": "forced", "lr": 0.08, "reader": "equivariant", "input": "both"}}
CONTINUE = {"train": True}
RANGES = {
    "gain": (0.0, 100.0), "begin": (0.0, 0.49), "end": (0.5, 1.0), "turns": (1, 100_000), "lr": (0.0, 100.0),
}  # fmt: skip


@dataclass(frozen=True)
class Knobs:
    gain: float = 1.5  # as in methods/switcher.py, like all that follows
    begin: float = 0.3
    end: float = 0.7
    turns: int = 60
    lr: float = 0.08
    train: bool = False  # learn on from the parameters of the source
    input: Literal["both", "shuffled", "noise"] = "both"  # controls: the weights of another neuron, or no weights


def learn(net: nn.Module, problem: Problem, knobs: Knobs) -> Keep:
    """The switcher of the source, on this network. Raises ValueError if the source has saved none."""
    switcher = Switcher(net, problem.groups, problem.rng, reader="equivariant", input=knobs.input)
    if not problem.transferred:
        raise ValueError("switcher_transfer begins with the parameters of a source's switcher, and was given none")
    switcher.scores.load_state_dict(problem.transferred)
    schedule = Schedule(knobs.begin, knobs.end, knobs.turns, knobs.lr if knobs.train else 0.0)
    keep = Alternation(net, problem, switcher, schedule, reading("forced", gain=knobs.gain)).run()
    problem.save_for_transfer(switcher.scores.state_dict())
    return keep
