"""The budget of a run: its steps, the learning rate schedule over them, and what its phases have cost."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.schemas.record import Spent

BACKWARD = 2  # a backward pass costs two forward passes


def rate(warmup: float, progress: float) -> float:
    """Fraction of the learning rate at `progress` (0 to 1) of the schedule."""
    if progress < warmup:
        return progress / warmup
    return 0.5 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup)))


@dataclass
class Budget:
    """Counts steps and charges phases. An epoch is `epoch_steps` steps."""

    epoch_steps: int
    warmup: float  # fraction of the schedule
    end: int = 0  # step at which the schedule ends and the budget, or a search's part of it, is spent
    step: int = 0  # of the run
    origin: int = 0  # step at which the schedule began
    phase: str = "learn"
    image_macs: float = 0.0  # of the network that is trained now, forward
    spent: dict[str, Spent] = field(default_factory=dict)

    @property
    def epochs(self) -> float:
        """What is left."""
        return (self.end - self.step) / self.epoch_steps

    @property
    def phase_cost(self) -> Spent:
        """What the present phase has cost."""
        return self.spent.setdefault(self.phase, Spent())

    def begin(self, phase: str, image_macs: float, schedule: str) -> None:
        """Start a phase. `schedule`: "continue" the present one, or "restart" it over what is left."""
        self.phase, self.image_macs = phase, image_macs
        if schedule == "restart":
            self.origin = self.step

    def resume(self, spent: dict[str, Spent]) -> None:
        """Go on where another run of the same schedule stopped, and be charged for it."""
        self.spent = {phase: Spent(**asdict(cost)) for phase, cost in spent.items()}
        self.step = sum(cost.steps for cost in self.spent.values())

    def start_anew(self, epochs: float) -> None:
        """Begin a schedule of `epochs`; what was spent stays charged."""
        self.origin = self.step
        self.end = self.step + round(epochs * self.epoch_steps)

    def rate(self, step: int) -> float:
        """Fraction of the learning rate at a step."""
        return rate(self.warmup, (step - self.origin + 0.5) / (self.end - self.origin))

    def rate_sum(self, epochs: float) -> float:
        """The sum of `rate` over the next `epochs`."""
        return sum(map(self.rate, range(self.step, self.step + round(epochs * self.epoch_steps))))

    def check(self, epochs: float, steps: int) -> None:
        """Raises ValueError if so many epochs, which are so many steps, are more than is left."""
        if self.step + steps > self.end:
            raise ValueError(f"{epochs:g} epochs were asked for, {self.epochs:g} are left of the budget")

    def charge(self, macs: float) -> None:
        """Add training MACs to the present phase."""
        self.phase_cost.macs += macs

    def capture(self) -> dict[str, Any]:
        """What a loop changes, for the journal."""
        return {"step": self.step, "spent": {phase: asdict(cost) for phase, cost in self.spent.items()}}

    def restore(self, saved: dict[str, Any]) -> None:
        """Put back what `capture` gave."""
        self.step = saved["step"]
        self.spent = {phase: Spent(**cost) for phase, cost in saved["spent"].items()}
