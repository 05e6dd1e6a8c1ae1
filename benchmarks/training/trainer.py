"""The one trainer: hands out data, keeps the schedule, charges the budget, saves every epoch.

It is the `Problem` that methods see (methods/core/api.py); what each call means stands there.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from benchmarks.data.dataset import Augment, Part
from benchmarks.schemas.recipe import Recipe
from benchmarks.training.budget import rate
from benchmarks.training.checkpoint import Journal, restore
from benchmarks.training.seeds import seed_for
from methods.core.api import Batch, Diverged, Group, Keep
from methods.core.structure import Structure

log = logging.getLogger(__name__)
BACKWARD = 2  # a backward pass costs two forward passes


@dataclass
class Spent:
    """What a phase has cost."""

    steps: int = 0
    macs: float = 0.0
    seconds: float = 0.0


@dataclass
class Trainer:
    """One run's problem. Data order and augmentation depend on the seed and the epoch alone."""

    data: dict[str, Part]
    augment: Augment
    recipe: Recipe
    structure: Structure
    journal: Journal
    run: tuple[str, str, int]  # dataset, network, seed
    end: int = 0  # step at which the budget is spent
    step: int = 0  # of the schedule
    origin: int = 0  # step at which the schedule began
    target: float | None = None
    precision: str = "float32"  # of the forward pass in training
    phase: str = "learn"
    image_macs: float = 0.0  # of the network that is being trained, forward
    spent: dict[str, Spent] = field(default_factory=dict)
    history: list[dict[str, float | str]] = field(default_factory=list)
    momentum: dict[str, Tensor] = field(default_factory=dict)
    taught: Mapping[str, Tensor] = field(default_factory=dict)
    left: dict[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rng = torch.Generator().manual_seed(seed_for(*self.run, "method"))
        self.rate = 0.0
        if not self.epoch_steps:
            n, size, dataset = len(self.data["train"]), self.recipe.batch_size, self.run[0]
            raise ValueError(f"{dataset} has {n} training images, fewer than one batch of {size} (recipes.yaml)")
        self.optimizers: list[torch.optim.Optimizer] = []
        self.losses: list[Tensor] = []
        self.notes: dict[str, float] = {}

    @property
    def groups(self) -> tuple[Group, ...]:
        return self.structure.groups

    @property
    def example(self) -> Tensor:
        return self.structure.example

    @property
    def epoch_steps(self) -> int:
        """Batches per epoch; the images that do not fill a last batch sit out."""
        return len(self.data["train"]) // self.recipe.batch_size

    @property
    def epochs(self) -> float:
        return (self.end - self.step) / self.epoch_steps

    def everything(self) -> Keep:
        return self.structure.everything()

    def macs(self, keep: Keep) -> int:
        return self.structure.macs(keep)

    def leave(self, tensors: Mapping[str, Tensor]) -> None:
        self.left |= {name: tensor.detach().cpu().clone() for name, tensor in tensors.items()}

    def charge(self, macs: float) -> None:
        self._now.macs += macs

    def note(self, **values: float) -> None:
        self.notes |= values

    def begin(self, phase: str, image_macs: float, schedule: str) -> None:
        """Start a phase. `schedule`: "continue" along the one there is, or "restart" it over what is left."""
        self.phase, self.image_macs = phase, image_macs
        self.optimizers.clear()
        if schedule == "restart":
            self.origin = self.step

    def take_up(self, momentum: dict[str, Tensor], spent: dict[str, dict[str, Any]]) -> None:
        """Go on where another run of the same schedule stopped, and be charged for it."""
        self.momentum = momentum
        self.spent = {phase: Spent(**cost) for phase, cost in spent.items()}
        self.step = sum(cost.steps for cost in self.spent.values())

    def start_anew(self, epochs: float) -> None:
        """Begin a schedule of `epochs` for new weights; what was spent stays charged."""
        self.origin = self.step
        self.end = self.step + round(epochs * self.epoch_steps)
        self.momentum = {}

    @property
    def _now(self) -> Spent:
        return self.spent.setdefault(self.phase, Spent())

    def logits(self, net: nn.Module, images: Tensor, params: Mapping[str, Tensor] | None = None) -> Tensor:
        lower = self.precision == "bfloat16"
        with torch.autocast(images.device.type, torch.bfloat16, enabled=lower):
            logits = functional_call(net, dict(params), images) if params else net(images)
        return logits.float()

    def loss(self, net: nn.Module, batch: Batch, params: Mapping[str, Tensor] | None = None) -> Tensor:
        loss = F.cross_entropy(self.logits(net, batch.images, params), batch.labels)
        self.losses.append(loss.detach())
        return loss

    def optimizer(
        self, *trained: nn.Module, lr: float | None = None, weight_decay: float | None = None
    ) -> torch.optim.Optimizer:
        parameters = [parameter for module in trained for parameter in module.parameters()]
        matrices = [p for p in parameters if p.dim() > 1]
        vectors = [p for p in parameters if p.dim() <= 1]
        decay = self.recipe.weight_decay if weight_decay is None else weight_decay
        optimizer = torch.optim.SGD(
            [{"params": matrices, "weight_decay": decay}, {"params": vectors, "weight_decay": 0.0}],
            lr=self.recipe.lr if lr is None else lr,
            momentum=self.recipe.momentum,
            nesterov=self.recipe.momentum > 0,
        )
        for group in optimizer.param_groups:
            group["initial_lr"] = group["lr"]
        self.optimizers.append(optimizer)
        return optimizer

    def fit(
        self,
        net: nn.Module,
        epochs: float,
        *,
        penalty: Callable[[], Tensor] | None = None,
        params: Callable[[], Mapping[str, Tensor]] | None = None,
        trained: nn.Module | None = None,
        after_step: Callable[[], None] | None = None,
        state: Any = (),
        lr: float | None = None,
    ) -> None:
        modules = [net, trained] if trained else [net]
        optimizer = self.optimizer(*modules, lr=lr)
        for name, parameter in net.named_parameters():
            if (momentum := self.momentum.get(name)) is not None and momentum.shape == parameter.shape:
                optimizer.state[parameter]["momentum_buffer"] = momentum.clone()
        net.train()
        for batch in self.batches(epochs, state=(modules, optimizer, state)):
            loss = self.loss(net, batch, params() if params else None)
            if penalty:
                loss = loss + penalty()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if after_step:
                after_step()
        # The next loop over these weights goes on with their momentum, as one uninterrupted run would.
        buffers = {name: optimizer.state.get(p, {}).get("momentum_buffer") for name, p in net.named_parameters()}
        self.momentum = {name: buffer for name, buffer in buffers.items() if buffer is not None}

    def batches(self, epochs: float, *, part: str = "train", state: Any = ()) -> Iterator[Batch]:
        path = self.journal.open()
        total = round(epochs * self._part_steps(part))
        if part == "train" and self.step + total > self.end:
            raise ValueError(f"{epochs:g} epochs were asked for, {self.epochs:g} are left of the budget")
        done = 0
        state = [state, self.rng]
        if (saved := self.journal.read(path)) is not None:
            done = saved["done"]
            restore(state, saved["state"])
            self._restore(saved["own"])
        while done < total:
            before, images, start = done, 0, time.perf_counter()
            losses, self.losses = self.losses, []
            for batch in self._some(part, total - done):
                yield batch
                done += 1
                images += len(batch.labels)
            self._charge(part, images, time.perf_counter() - start)
            if part == "train":
                self._close_epoch(done - before, total - done)
            self.losses = losses
            self.data[part].check()
            self.journal.write(path, {"done": done, "state": state, "own": self._capture()})

    def sample(self, part: str = "validation") -> Batch:
        data, size = self.data[part], self.recipe.batch_size
        at = torch.randint(len(data), (size,), generator=self.rng).to(data.labels.device)
        self.charge((1 + BACKWARD) * self.image_macs * size)
        return Batch(data.normalised(data.images[at]), data.labels[at])

    def _some(self, part: str, most: int) -> Iterator[Batch]:
        """Up to `most` batches, up to the end of the present epoch."""
        if part != "train":
            yield from islice(self.data[part].batches(self.recipe.batch_size), most)
            return
        epoch, first = divmod(self.step, self.epoch_steps)
        order = torch.Generator().manual_seed(seed_for(*self.run, f"epoch {epoch}"))
        for i, batch in enumerate(self.data[part].epoch(self.recipe.batch_size, self.augment, order, first)):
            if i == most:
                return
            self._set_rates()
            self.step += 1
            yield batch

    def _part_steps(self, part: str) -> int:
        return self.epoch_steps if part == "train" else math.ceil(len(self.data[part]) / self.recipe.batch_size)

    def lr_sum(self, epochs: float, lr: float | None = None) -> float:
        steps = range(self.step, self.step + round(epochs * self.epoch_steps))
        return (self.recipe.lr if lr is None else lr) * sum(map(self._rate, steps))

    def _rate(self, step: int) -> float:
        return rate(self.recipe.warmup, (step - self.origin + 0.5) / (self.end - self.origin))

    def _set_rates(self) -> None:
        self.rate = self._rate(self.step)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = self.rate * group["initial_lr"]

    def _charge(self, part: str, images: int, seconds: float) -> None:
        passes = 1 + BACKWARD if part == "train" else 1
        self._now.macs += passes * self.image_macs * images
        self._now.seconds += seconds

    def _close_epoch(self, steps: int, left: int) -> None:
        """Write what was trained into the history, and look whether the loss is still a number."""
        self._now.steps += steps
        epoch = self.step / self.epoch_steps
        loss = torch.stack(self.losses).mean().item()  # the epoch's one wait for the device
        if not math.isfinite(loss):
            raise Diverged(f"the training loss was {loss} in epoch {epoch:.1f}")
        self.history.append({"phase": self.phase, "epoch": epoch, "train_loss": loss, **self.notes})
        self.notes.clear()
        minutes = left * self._now.seconds / self._now.steps / 60
        log.info("%s: epoch %.1f, loss %.4f, %.1f min of this loop left", self.phase, epoch, loss, minutes)

    def _capture(self) -> dict[str, Any]:
        spent = {phase: vars(cost).copy() for phase, cost in self.spent.items()}
        told = {"step": self.step, "spent": spent, "history": self.history, "notes": self.notes}
        return told | {"random": torch.get_rng_state()}

    def _restore(self, saved: dict[str, Any]) -> None:
        self.step = saved["step"]
        self.spent = {phase: Spent(**cost) for phase, cost in saved["spent"].items()}
        self.history, self.notes = saved["history"], saved["notes"]
        torch.set_rng_state(saved["random"])
