"""From a dataset's published bytes to batches on the device.

A dataset is prepared once into one safetensors file of uint8 tensors, with its sha256 in a second file. Images
stay uint8 on the device; a batch is gathered, augmented and normalised there in a few tensor operations.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from methods.core.api import Batch


@dataclass(frozen=True)
class Augment:
    """shift: pixels of random translation, zero-padded. flip: mirror left-right half of the time."""

    shift: int = 0
    flip: bool = False


Splits = dict[str, tuple[Tensor, Tensor]]
"""train, validation, test -> images uint8 [n, c, h, w], labels int64 [n]."""


@dataclass(frozen=True)
class Part:
    """One part of a dataset on a device, with the normalisation of its training part."""

    images: Tensor  # uint8 [n, c, h, w]
    labels: Tensor  # int64 [n]
    mean: Tensor  # float [1, c, 1, 1], in units of pixel values
    std: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def check(self) -> None:
        """Raises ValueError if the images are no longer those that were loaded."""

    def normalised(self, images: Tensor) -> Tensor:
        """uint8 -> float, zero mean and unit variance a channel, channels last."""
        floats = images.float().sub_(self.mean).div_(self.std)
        return floats.contiguous(memory_format=torch.channels_last)

    def batches(self, size: int) -> Iterator[Batch]:
        """Every image once, in order, as it is."""
        for images, labels in zip(self.images.split(size), self.labels.split(size), strict=True):
            yield Batch(self.normalised(images), labels)

    def epoch(self, size: int, augment: Augment, generator: torch.Generator, first: int) -> Iterator[Batch]:
        """A shuffled, augmented epoch of full batches, from batch number `first` on.

        The draws of a whole epoch are made at once on the CPU: they are the same on every device, and
        batch `first` is the same whether the ones before it were handed out or not.
        """
        order, offsets, mirrored = (draw.to(self.images.device) for draw in draws(len(self), augment, generator))
        translated = windows(self.images, augment.shift)
        for i in range(first, len(self) // size):
            at = order[i * size : (i + 1) * size]
            images = translated[at, :, *offsets[:, at]]
            if augment.flip:
                images = torch.where(mirrored[at, None, None, None], images.flip(3), images)
            yield Batch(self.normalised(images), self.labels[at])


def draws(n: int, augment: Augment, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """What an epoch of n images needs: their order [n], offsets down and right [2, n], which are mirrored [n]."""
    order = torch.randperm(n, generator=generator)
    offsets = torch.randint(2 * augment.shift + 1, (2, n), generator=generator)
    return order, offsets, torch.rand(n, generator=generator).lt(0.5)


def windows(images: Tensor, most: int) -> Tensor:
    """[n, c, 2 * most + 1, 2 * most + 1, h, w]: a view of every image translated by every offset, zero-padded."""
    height, width = images.shape[2:]
    return torch.nn.functional.pad(images, [most] * 4).unfold(2, height, 1).unfold(3, width, 1)
