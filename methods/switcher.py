"""Switcher network: Han, Liu, Hai and Duan, "Mining the weights knowledge for optimizing neural network
structures", arXiv 2110.05954.

Idea: a switcher network (SNN in the paper) reads the weights of the task network (TNN) and puts out a scaling
factor per neuron, which turns it off or weights it; both are learned in turn by SGD on the same loss,
with no term that induces sparsity.
Ours: only the paper's abstract is public to us. Encoding (methods/core/switcher_net.py), bounds, schedule and
alternation (methods/core/alternation.py) are our own, and none of them is the paper's. The zeros come from a
ramp of the factors' spread, which is a structural push and no penalty. At `macs=` the neurons of lowest score are
turned off until the size is met: that is a budget, and no mining.
Searched, on validation: gain and length of a step, six trials for each of the switcher, the noise reader, the shuffled
reader and free_factor (config/tune_switcher.yaml, LeNet-5 on Fashion-MNIST); the same values then serve every network.
For told sizes the length again, three trials each (config/tune_target.yaml: LeNet-5 at twice its width on a tenth of
Fashion-MNIST, a fifth of the MACs, 3 seeds). The switcher got 76.1, 79.7 and 79.8 % at 0.08, 0.02 and 0.005, the noise
reader 77.9, 79.7 and 79.4 %, free_factor 80.5, 79.5 and 79.6 % at 0.3, 0.08 and 0.02. At long steps the order of the
scores changes too often: 81 to 132 channels came back in a run of the switcher, about 40 at 0.02. That a channel
never comes back was tried as well (80.2 % at 0.02) and left out: the method lets neurons come back.
Expected: accuracy as dense, on less MACs, and no gain from reading the weights. Measured, in points against dense, with
95 % t-intervals over 5 paired seeds (config/reference.yaml):

    Fashion-MNIST, LeNet-5                          -0.20 [-0.28, -0.12] at 88 % of the MACs
    a tenth of Fashion-MNIST, LeNet-5 at 2x width   +1.01 [+0.38, +1.64] at 76 %
    a tenth of Fashion-MNIST, ResNet-8              -0.15 [-0.45, +0.15] at 77 %
    digits, LeNet-5                                 +0.04 [-0.77, +0.85] at 77 %
    digits, LeNet-5 at 2x width                     -0.20 [-1.06, +0.66] at 75 %
    digits, ResNet-8                                -0.28 [-0.93, +0.37] at 85 %
    digits, ResNet-20                               -0.32 [-0.70, +0.06] at 78 %
    digits, VGG-8                                   -0.24 [-0.93, +0.45] at 75 %

Where it gains, so do noise in place of the weights (+0.65 [+0.17, +1.14] at 69 %) and free_factor (+1.05 [+0.80,
+1.30] at 66 %): a regulariser where data are few. Told a size, over the eight: -0.42 +- 0.15 at half of the MACs
(free_factor -0.51, uniform width -0.69), -2.00 +- 0.56 at a fifth (free_factor -1.85, uniform width -1.50). In the
ablation (config/ablation_switcher.yaml, 3 seeds) a switcher that is never trained loses 1.20 [0.40, 1.99] points at
62 %, and one that reads noise or shuffled weights no more than this one. At these defaults none of 320 runs diverged
or collapsed (config/stability.yaml: sixteen networks, 20 seeds, 3 epochs of digits, in which the deepest have learned
next to nothing).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import nn

from methods.core import ablations
from methods.core.alternation import Alternation, Schedule
from methods.core.api import Keep, Problem
from methods.core.switcher_net import Switcher

TARGETS = ("free", "macs")
START = "init"


@dataclass(frozen=True)
class Knobs:
    gain: float = 1.5  # standard deviation of the factors before the clamp, at the end of the ramp
    begin: float = 0.3  # of ramp and switcher training, as a fraction of the budget
    end: float = 0.7  # of both; the rest is fine-tuning
    turns: int = 60  # steps of the switcher
    lr: float = 0.08  # length of such a step, before momentum, at the start of the one schedule
    budget_lr: float = 0.02  # the same where a size is told; longer ones change too often which channels are on
    # What follows is there for the ablation; the first of each is the method.
    reader: Literal["embedding", "equivariant"] = "embedding"
    input: Literal["incoming", "outgoing", "both", "shuffled", "noise"] = "incoming"
    output: Literal["clamp", "relu", "hard_concrete"] = "clamp"
    site: Literal["behind_activation", "behind_norm", "before_norm"] = "behind_activation"  # where a factor applies
    batch: Literal["same", "held_out"] = "same"  # what the switcher learns from: the weights' own steps, or validation
    through: bool = False  # gradient goes on through the switcher into the weights that it reads
    hidden: int = 64  # units of the switcher's two layers


def learn(net: nn.Module, problem: Problem, knobs: Knobs) -> Keep:
    """Both networks in turn; what is off at the end goes."""
    switcher = Switcher(net, problem.groups, problem.rng, knobs.reader, knobs.input, knobs.hidden, knobs.through)
    lr = knobs.lr if problem.target is None else knobs.budget_lr
    schedule = Schedule(knobs.gain, knobs.begin, knobs.end, knobs.turns, lr)
    kind = ablations.Through if knobs.through else ablations.HeldOut if knobs.batch == "held_out" else Alternation
    output = ablations.OUTPUTS[knobs.output](problem)
    keep = kind(net, problem, switcher, schedule, output, knobs.site).run()
    problem.leave(switcher.state_dict())
    return keep
