"""Workloads: a network, synthetic images of its input size, and the suite's trainer on them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from benchmarks import registry
from benchmarks.data.dataset import Augment, Part
from benchmarks.machine.device import choose
from benchmarks.machine.graphs import captured
from benchmarks.schemas.recipe import Recipe
from benchmarks.training.checkpoint import Journal
from benchmarks.training.evaluate import BATCH
from benchmarks.training.trainer import Trainer
from methods.core.structure.structure import Structure

DEVICE = choose(threads=1)  # as in a job: the GPU, or one core
CLASSES = 10
RECIPE = Recipe(lr=0.01, batch_size=128, momentum=0.9, weight_decay=5e-4, warmup=0.1)
FAR = 1_000_000  # steps of a schedule whose end no benchmark reaches
_journals = itertools.count()


@dataclass(frozen=True)
class Workload:
    """A network as the suite trains it: batches of 128 images, translated and mirrored."""

    network: str
    channels: int
    size: int
    shift: int
    steps: int  # per round

    @property
    def augment(self) -> Augment:
        return Augment(self.shift, flip=True)

    @property
    def example(self) -> torch.Tensor:
        return torch.zeros(1, self.channels, self.size, self.size, device=DEVICE)

    def net(self, layout: torch.memory_format = torch.channels_last) -> nn.Module:
        """The same weights in every call; by default in the layout of `benchmarks.training.network.new_network`."""
        torch.manual_seed(0)
        build = registry.load("network", self.network).build
        return build(self.channels, self.size, CLASSES).to(DEVICE, memory_format=layout)

    def part(self, n: int | None = None) -> Part:
        """`n` random images, by default those of a round."""
        n = n or self.steps * RECIPE.batch_size
        generator = torch.Generator().manual_seed(0)
        shape = (n, self.channels, self.size, self.size)
        images = torch.randint(256, shape, dtype=torch.uint8, generator=generator)
        labels = torch.randint(CLASSES, (n,), generator=generator)
        mean, std = (torch.full((1, self.channels, 1, 1), value) for value in (127.5, 73.9))
        return Part(*(tensor.to(DEVICE) for tensor in (images, labels, mean, std)))

    def trainer(self, net: nn.Module, folder: Path, end: int = FAR) -> Trainer:
        """An epoch is a round. Checkpoints, one per epoch, are far more frequent than in a real run."""
        trainer = Trainer(
            data={"train": self.part()},
            augment=self.augment,
            recipe=RECIPE,
            structure=Structure.of(net, self.example),
            journal=Journal(folder / f"journal-{next(_journals)}"),
            run=("synthetic", self.network, 0),
        )
        trainer.budget.end = end
        trainer.begin("learn", trainer.structure.macs(trainer.structure.everything()), "continue")
        return trainer

    def ours(self, folder: Path, precision: str = "float32") -> Callable[[], None]:
        """A round by the suite's trainer."""
        net = self.net()
        trainer = self.trainer(net, folder)
        trainer.precision = precision
        return lambda: trainer.fit(net, 1)

    def bare(self, folder: Path, precision: str = "float32", graph: bool = False) -> Callable[[], None]:
        """A round of steps on one fixed batch, with the same network, optimizer and layout, and nothing else.

        graph: on a GPU, replay the step as a CUDA graph, as `ours` does.
        """
        net = self.net().train()
        trainer = self.trainer(net, folder)
        optimizer = trainer.optimizer(net)
        batch = next(trainer.data["train"].batches(RECIPE.batch_size))

        def gradients(images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
            with torch.autocast(DEVICE.type, torch.bfloat16, enabled=precision == "bfloat16"):
                loss = F.cross_entropy(net(images), labels)
            optimizer.zero_grad()
            loss.backward()
            return loss.detach()

        step = captured(gradients, net) if graph else gradients

        def run() -> None:
            for _ in range(self.steps):
                step(*batch)
                optimizer.step()

        return run

    def forward(self, images: int) -> Callable[[], None]:
        """Forward passes over `images` images in total: one fixed batch of the evaluation's size, repeated."""
        net = self.net().eval()
        batches, rest = divmod(images, size := min(BATCH, images))
        assert not rest, "whole batches only, so that the number of images is exact"
        fixed = next(self.part(size).batches(size)).images

        @torch.inference_mode()
        def run() -> None:
            for _ in range(batches):
                net(fixed)

        return run

    def loader(self) -> Callable[[], None]:
        """The images of a round: gathered, translated, mirrored and normalised, without a training step."""
        part = self.part()

        def run() -> None:
            for _ in part.epoch(RECIPE.batch_size, self.augment, torch.Generator().manual_seed(0), first=0):
                pass

        return run


# A round takes about 0.5 to 4 seconds on a core of a server. On a GPU it is an epoch of CIFAR-10, since each round
# captures its step anew.
ON_GPU = DEVICE.type == "cuda"
EPOCH = 351
RESNET20 = Workload("resnet20", channels=3, size=32, shift=4, steps=EPOCH if ON_GPU else 3)
RESNET8 = Workload("resnet8", channels=3, size=32, shift=4, steps=EPOCH if ON_GPU else 9)
LENET5 = Workload("lenet5", channels=1, size=28, shift=2, steps=EPOCH if ON_GPU else 30)
