"""The one trainer: the `Problem` that methods see (methods/core/api.py, which says what each call means)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from benchmarks.data.dataset import Augment, Part
from benchmarks.machine.graphs import captured
from benchmarks.schemas.recipe import Recipe
from benchmarks.schemas.record import Epoch, Spent
from benchmarks.training.budget import BACKWARD, Budget
from benchmarks.training.checkpoint import Journal
from benchmarks.training.feed import Feed
from benchmarks.training.loop import Loops
from benchmarks.training.seeds import seed_for
from methods.core.api import Batch, Group, Keep, Unsupported
from methods.core.structure.structure import Structure


@dataclass
class Trainer:
    """One run's problem: its optimizers and steps; batches, budget and history are those of `loops`."""

    data: dict[str, Part]
    augment: Augment
    recipe: Recipe
    structure: Structure
    journal: Journal
    run: tuple[str, str, int]  # dataset, network, seed
    target: float | None = None
    precision: str = "float32"  # of the forward pass in training
    momentum: dict[str, Tensor] = field(default_factory=dict)  # of the last loop, for the next
    transferred: Mapping[str, Tensor] = field(default_factory=dict)  # what the source method saved
    saved_for_transfer: dict[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rng = torch.Generator().manual_seed(seed_for(*self.run, "method"))
        feed = Feed(self.data, self.augment, self.recipe.batch_size, self.run)
        self.budget = Budget(feed.steps("train"), self.recipe.warmup)
        self.loops = Loops(feed, self.budget, self.journal, self.rng)

    @property
    def groups(self) -> tuple[Group, ...]:
        if self.structure.refused:
            raise Unsupported(self.structure.refused)
        return self.structure.groups

    @property
    def example(self) -> Tensor:
        return self.structure.example

    @property
    def epoch_steps(self) -> int:
        return self.budget.epoch_steps

    @property
    def epochs(self) -> float:
        return self.budget.epochs

    @property
    def step(self) -> int:
        return self.budget.step

    @property
    def image_macs(self) -> float:
        return self.budget.image_macs

    @property
    def rate(self) -> float:
        return self.loops.rate

    @property
    def spent(self) -> dict[str, Spent]:
        return self.budget.spent

    @property
    def history(self) -> list[Epoch]:
        return self.loops.history.epochs

    def everything(self) -> Keep:
        return self.structure.everything()

    def macs(self, keep: Keep) -> int:
        return self.structure.macs(keep)

    def save_for_transfer(self, tensors: Mapping[str, Tensor]) -> None:
        self.saved_for_transfer |= {name: tensor.detach().cpu().clone() for name, tensor in tensors.items()}

    def charge(self, macs: float) -> None:
        self.budget.charge(macs)

    def note(self, **values: float | Tensor) -> None:
        self.loops.history.notes |= values

    def begin(self, phase: str, image_macs: float, schedule: str) -> None:
        """Start a phase, as `Budget.begin`; optimizers are those of one phase."""
        self.budget.begin(phase, image_macs, schedule)
        self.loops.optimizers.clear()

    def resume(self, momentum: dict[str, Tensor], spent: dict[str, Spent]) -> None:
        """Go on where another run of the same schedule stopped, and be charged for it."""
        self.momentum = momentum
        self.budget.resume(spent)

    def start_anew(self, epochs: float) -> None:
        """Begin a schedule of `epochs` for a search or for new weights; what was spent stays charged."""
        self.budget.start_anew(epochs)
        self.momentum = {}

    def logits(self, net: nn.Module, images: Tensor, params: Mapping[str, Tensor] | None = None) -> Tensor:
        lower = self.precision == "bfloat16"
        with torch.autocast(images.device.type, torch.bfloat16, enabled=lower):
            logits = functional_call(net, dict(params), images) if params else net(images)
        return logits.float()

    def loss(self, net: nn.Module, batch: Batch, params: Mapping[str, Tensor] | None = None) -> Tensor:
        loss = self._loss(net, batch.images, batch.labels, params)
        self.loops.history.losses.append(loss.detach())
        return loss

    def _loss(self, net: nn.Module, images: Tensor, labels: Tensor, params: Mapping[str, Tensor] | None) -> Tensor:
        return F.cross_entropy(self.logits(net, images, params), labels)

    def lr_sum(self, epochs: float, lr: float | None = None) -> float:
        return (self.recipe.lr if lr is None else lr) * self.budget.rate_sum(epochs)

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
        self.loops.optimizers.append(optimizer)
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

        def gradients(images: Tensor, labels: Tensor) -> Tensor:
            loss = self._loss(net, images, labels, params() if params else None)
            optimizer.zero_grad()
            (loss + penalty() if penalty else loss).backward()
            return loss.detach()

        standard = penalty is None and params is None
        step = captured(gradients, net) if standard else gradients
        for batch in self.batches(epochs, state=(modules, optimizer, state)):
            self.loops.history.losses.append(step(batch.images, batch.labels))
            optimizer.step()
            if after_step:
                after_step()
        # The next loop over these weights continues with their momentum, as one uninterrupted run would.
        buffers = {name: optimizer.state.get(p, {}).get("momentum_buffer") for name, p in net.named_parameters()}
        self.momentum = {name: buffer for name, buffer in buffers.items() if buffer is not None}

    def batches(self, epochs: float, *, part: str = "train", state: Any = ()) -> Iterator[Batch]:
        return self.loops.batches(epochs, part, state)

    def sample(self, part: str = "validation") -> Batch:
        batch = self.loops.feed.sample(part, self.rng)
        self.charge((1 + BACKWARD) * self.image_macs * len(batch.labels))
        return batch
