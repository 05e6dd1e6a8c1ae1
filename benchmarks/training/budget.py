"""The one schedule of a run, and what its phases have cost."""

from __future__ import annotations

import math


def rate(warmup: float, progress: float) -> float:
    """Fraction of the learning rate at `progress` (0 to 1) of the schedule."""
    if progress < warmup:
        return progress / warmup
    return 0.5 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup)))
