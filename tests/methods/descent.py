"""A parameter that only its penalty moves: where gradient descent with momentum has it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


def descent(start: float, penalty: float, rates: Iterable[float], momentum: float) -> Iterator[float]:
    """The parameter after each step; rates are those of the steps."""
    velocity = 0.0
    for rate in rates:
        velocity = momentum * velocity + penalty
        start -= rate * velocity
        yield start


def steps_to_zero(start: float, penalty: float, rates: Iterable[float], momentum: float) -> int:
    """After how many steps it is at 0 or below. Raises StopIteration if it never is."""
    return next(step for step, left in enumerate(descent(start, penalty, rates, momentum), 1) if left <= 0)
