"""The batches of a run. Data order and augmentation depend on the seed and the epoch alone."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import torch

from benchmarks.data.dataset import Augment, Part
from benchmarks.training.seeds import seed_for
from methods.core.api import Batch


@dataclass(frozen=True)
class Feed:
    """Hands out the parts of a dataset in batches."""

    data: dict[str, Part]
    augment: Augment
    batch_size: int
    run: tuple[str, str, int]  # dataset, network, seed

    def __post_init__(self) -> None:
        if not self.steps("train"):
            images = f"{self.run[0]} has {len(self.data['train'])} training images"
            raise ValueError(f"{images}, fewer than one batch of {self.batch_size} (recipes.yaml)")

    def steps(self, part: str) -> int:
        """Batches in a pass. Training images that do not fill a last batch are left out of an epoch."""
        whole = len(self.data[part]) / self.batch_size
        return math.floor(whole) if part == "train" else math.ceil(whole)

    def training(self, step: int) -> Iterator[Batch]:
        """The training batches from a step of the run to the end of its epoch: shuffled and augmented."""
        epoch, first = divmod(step, self.steps("train"))
        order = torch.Generator().manual_seed(seed_for(*self.run, f"epoch {epoch}"))
        return self.data["train"].epoch(self.batch_size, self.augment, order, first)

    def plain(self, part: str, most: int) -> Iterator[Batch]:
        """Up to `most` batches of a part, in order, as they are."""
        return islice(self.data[part].batches(self.batch_size), most)

    def sample(self, part: str, generator: torch.Generator) -> Batch:
        """A batch of random images, not augmented."""
        data = self.data[part]
        at = torch.randint(len(data), (self.batch_size,), generator=generator).to(data.labels.device)
        return Batch(data.normalised(data.images[at]), data.labels[at])
