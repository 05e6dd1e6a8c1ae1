"""Switcher taken over, a question of our own: the equivariant switcher, trained on one network, applied to another.

Idea: only a network that reads weights can carry what it has learned to a network of another depth, width or kind. At
`from:<network>` the switcher begins as `switcher` with the equivariant reader left it on that network, same dataset and
seed. Zero-shot, it is not trained any more and only read; as a warm start (`train: true`) it learns on. At
`from:<network>+<network>` it has learned on both, one after the other.
Ours: there is no paper. The teacher's cost is in the teacher's row and not in this one.
Expected: nothing was known. Measured on digits, 5 seeds (config/transfer.yaml), in points with 95 % t-intervals,
against the same reader trained in place: as it is -0.01 [-0.23, +0.22], as a warm start -0.15 [-0.35, +0.06] (30 pairs
of runs); after two networks -0.12 [-0.56, +0.32] and -0.04 [-0.46, +0.38] (10 pairs). One that was never trained
(`lr: 0`) is not told apart either, -0.10 [-0.38, +0.18] to the first, and keeps 16 points less of the MACs.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from methods.core.alternation import Alternation, Schedule
from methods.core.api import Keep, Problem
from methods.core.switcher_net import Switcher

TARGETS = ("from",)
START = "init"
SOURCE = {"switcher": {"reader": "equivariant", "input": "both"}}
CONTINUE = {"train": True}


@dataclass(frozen=True)
class Knobs:
    gain: float = 1.5  # as in methods/switcher.py, like all that follows
    begin: float = 0.3
    end: float = 0.7
    turns: int = 60
    lr: float = 0.08
    train: bool = False  # learn on from the teacher's parameters


def learn(net: nn.Module, problem: Problem, knobs: Knobs) -> Keep:
    """The teacher's switcher on this network."""
    switcher = Switcher(net, problem.groups, problem.rng, reader="equivariant", input="both")
    if problem.taught:
        switcher.load_state_dict(problem.taught)
    schedule = Schedule(knobs.gain, knobs.begin, knobs.end, knobs.turns, knobs.lr if knobs.train else 0.0)
    keep = Alternation(net, problem, switcher, schedule).run()
    problem.leave(switcher.state_dict())
    return keep
