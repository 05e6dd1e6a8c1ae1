"""Rules for penalties whose effect grows with the length of the training.

A step of gradient descent on penalty * |x| moves x by penalty * learning rate. A training moves it by penalty * S,
where S is the sum of the learning rates of its steps. Papers train for 10^5 steps, a run here for 10^2 to 10^4, so
that a paper's penalty would do nothing here. What `rescaled` keeps is the product:

    penalty here * S here = penalty of the paper * S of its training

Momentum multiplies both sides alike: papers and recipes have 0.9 unless the method's file says otherwise.

Some papers train so long that a parameter that the loss does not need is at 0 within the first epochs, and stays
there: their product would be stronger than the loss in a short run. With `reaching`, the paper's penalty stays as it
is, and is raised only in a training so short that such a parameter would not be at 0 halfway.

Where a penalty only helps a criterion to choose, it need not arrive anywhere. With `at_most` it is the paper's, and is
lowered in a training whose learning rates sum to more than the paper's.
"""

from __future__ import annotations

from methods.core.api import Problem

BARE = 0.02
"""Share of an L1 penalty that is meant for scales of norms, on a factor of a layer without one. A norm behind a layer
makes up for smaller scales before it; without norms all factors together shrink the logits."""


def recipe_lr(problem: Problem) -> float:
    """The recipe's learning rate, of which a schedule sets a fraction in each step."""
    return problem.lr_sum(problem.epochs) / problem.lr_sum(problem.epochs, 1.0)


def rescaled(penalty: float, paper: float, problem: Problem, epochs: float, lr: float | None = None) -> float:
    """The penalty for the next `epochs` that moves as far as the paper's.

    penalty, paper: the paper's penalty and S. lr: of the penalised parameters, where it is not the recipe's.
    """
    here = problem.lr_sum(epochs, lr)
    return penalty * paper / here if here else 0.0


def at_most(penalty: float, paper: float, problem: Problem, epochs: float, lr: float | None = None) -> float:
    """The paper's penalty, or a smaller one that moves no further in the next `epochs` than in the paper's training.

    penalty, paper: the paper's penalty and S. lr: of the penalised parameters, where it is not the recipe's.
    """
    return min(penalty, rescaled(penalty, paper, problem, epochs, lr))


def reaching(
    penalty: float, start: float, problem: Problem, epochs: float, lr: float | None = None, momentum: float = 0.9
) -> float:
    """The paper's penalty, or the least with which a parameter without a gradient is at 0 after half of these epochs.

    start: the parameter's first value. epochs: the next ones, with the penalty. lr, momentum: of the penalised
    parameters; by default the recipe's learning rate. A penalty of 0 stays 0.
    """
    steps = round(epochs / 2 * problem.epoch_steps)
    if not (penalty and steps):
        return penalty
    # Momentum m multiplies a step by 1 / (1 - m) once it has built up; after t steps, by (1 - m^t) / (1 - m).
    gain = (1 - momentum * (1 - momentum**steps) / (steps * (1 - momentum))) / (1 - momentum)
    half = problem.lr_sum(epochs / 2, lr) * gain
    return max(penalty, start / half) if half else penalty
