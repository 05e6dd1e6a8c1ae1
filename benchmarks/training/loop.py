"""The training loops of a run: each hands out batches along the schedule, is charged, and is saved every epoch."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from benchmarks.schemas.record import Epoch
from benchmarks.training.budget import BACKWARD, Budget
from benchmarks.training.checkpoint import Journal, restore
from benchmarks.training.feed import Feed
from methods.core.api import Batch, Diverged

log = logging.getLogger(__name__)


@dataclass
class History:
    """What is recorded of every training epoch."""

    epochs: list[Epoch] = field(default_factory=list)
    notes: dict[str, float | Tensor] = field(default_factory=dict)  # of the present epoch
    losses: list[Tensor] = field(default_factory=list)  # of the present epoch

    def close(self, phase: str, epoch: float) -> float:
        """Record an epoch and return its loss. Raises Diverged if that is not finite."""
        loss = torch.stack(self.losses).mean().item()  # the epoch's one wait for the device
        if not math.isfinite(loss):
            raise Diverged(f"the training loss was {loss} in epoch {epoch:.1f}")
        notes = {name: note.item() if isinstance(note, Tensor) else note for name, note in self.notes.items()}
        self.epochs.append({"phase": phase, "epoch": epoch, "train_loss": loss, **notes})
        self.notes.clear()
        return loss


@dataclass
class Loops:
    """Runs one loop after another. A loop that was saved is restored, and continues from its last epoch."""

    feed: Feed
    budget: Budget
    journal: Journal
    rng: torch.Generator
    history: History = field(default_factory=History)
    optimizers: list[torch.optim.Optimizer] = field(default_factory=list)  # of the present phase
    rate: float = 0.0  # the present fraction of the learning rate

    def batches(self, epochs: float, part: str, state: Any) -> Iterator[Batch]:
        """`epochs` passes over a part; `state` is what the loop changes (methods/core/api.py)."""
        path = self.journal.open()
        total = round(epochs * self.feed.steps(part))
        if part == "train":
            self.budget.check(epochs, total)
        done = 0
        state = [state, self.rng]
        if (saved := self.journal.read(path)) is not None:
            done = saved["done"]
            restore(state, saved["state"])
            self._restore(saved["own"])
        while done < total:
            before, images, start = done, 0, time.perf_counter()
            losses, self.history.losses = self.history.losses, []  # a loop may run within another
            for batch in self._to_epoch_end(part, total - done):
                yield batch
                done += 1
                images += len(batch.labels)
            self._charge(part, images, time.perf_counter() - start)
            if part == "train":
                self._close_epoch(done - before, total - done)
            self.history.losses = losses
            self.feed.data[part].check()
            self.journal.write(path, {"done": done, "state": state, "own": self._capture()})

    def _to_epoch_end(self, part: str, most: int) -> Iterator[Batch]:
        """Up to `most` batches, up to the end of the present epoch."""
        if part != "train":
            yield from self.feed.plain(part, most)
            return
        for i, batch in enumerate(self.feed.training(self.budget.step)):
            if i == most:
                return
            self._set_rates()
            self.budget.step += 1
            yield batch

    def _set_rates(self) -> None:
        self.rate = self.budget.rate(self.budget.step)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = self.rate * group["initial_lr"]

    def _charge(self, part: str, images: int, seconds: float) -> None:
        passes = 1 + BACKWARD if part == "train" else 1
        self.budget.charge(passes * self.budget.image_macs * images)
        self.budget.phase_cost.seconds += seconds

    def _close_epoch(self, steps: int, left: int) -> None:
        now, phase = self.budget.phase_cost, self.budget.phase
        now.steps += steps
        epoch = self.budget.step / self.budget.epoch_steps
        loss = self.history.close(phase, epoch)
        minutes = left * now.seconds / now.steps / 60
        log.info("%s: epoch %.1f, loss %.4f, %.1f min of this loop left", phase, epoch, loss, minutes)

    def _capture(self) -> dict[str, Any]:
        history = {"history": self.history.epochs, "notes": self.history.notes}
        return self.budget.capture() | history | {"random": torch.get_rng_state()}

    def _restore(self, saved: dict[str, Any]) -> None:
        self.budget.restore(saved)
        self.history.epochs, self.history.notes = saved["history"], saved["notes"]
        torch.set_rng_state(saved["random"])
