"""Datasets that no memory holds: written in chunks, mapped into memory, and handed out from there.

The file is a safetensors file like that of any other dataset; only the way in and out differs. Batches are those of
`benchmarks.data.dataset.Part`, with the same draws: a thread makes the next ones while the device trains.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from benchmarks.data.checksum import check_sha256, recorded_sha256, sum_of
from benchmarks.data.dataset import Augment, Part, draws, windows
from methods.core.api import Batch

AHEAD = 3  # batches that are ready, or being made


@dataclass(frozen=True)
class Stream(Part):
    """A part whose images stay on disk: `images` is mapped from the file, the rest is on the device."""

    path: Path
    written: int  # when, in ns

    def check(self) -> None:
        """The images are the file: its sum is asked for again if it was written to since."""
        if self.path.stat().st_mtime_ns != self.written:
            check_sha256(self.path, recorded_sha256(self.path))

    def normalised(self, images: Tensor) -> Tensor:
        """uint8, in the file or on the device -> float there, zero mean and unit variance a channel."""
        return super().normalised(self._arrived(images))

    def batches(self, size: int) -> Iterator[Batch]:
        return ahead(super().batches(size))

    def epoch(self, size: int, augment: Augment, generator: torch.Generator, first: int) -> Iterator[Batch]:
        return ahead(self._epoch(size, augment, generator, first))

    def _epoch(self, size: int, augment: Augment, generator: torch.Generator, first: int) -> Iterator[Batch]:
        """The draws of `Part.epoch`, which stay on the CPU, where images are gathered."""
        n, device = len(self), self.mean.device
        order, offsets, mirrored = draws(n, augment, generator)
        for i in range(first, n // size):
            at = order[i * size : (i + 1) * size]
            images = windows(self._arrived(self.images[at]), augment.shift)
            images = images[torch.arange(size, device=device), :, *offsets[:, at].to(device)]
            if augment.flip:
                images = torch.where(mirrored[at, None, None, None].to(device), images.flip(3), images)
            yield Batch(self.normalised(images), self.labels[at.to(device)])

    def _arrived(self, images: Tensor) -> Tensor:
        device = self.mean.device
        if device.type == "cuda" and not images.is_cuda:
            images = images.pin_memory()  # else the copy would wait for the device
        return images.to(device, non_blocking=True)


def ahead(batches: Iterator[Batch]) -> Iterator[Batch]:
    """The same batches, made in a thread while the ones before them are used."""
    with ThreadPoolExecutor(1) as thread:
        waiting = deque(thread.submit(next, batches, None) for _ in range(AHEAD))
        while (batch := waiting.popleft().result()) is not None:
            waiting.append(thread.submit(next, batches, None))
            yield batch


def load(path: Path, parts: tuple[str, ...], device: torch.device) -> dict[str, Part]:
    """Map these parts. Raises ValueError if the file is not as long as its header says, or was written to since its sum
    was taken and has another.

    The sum is not asked for at every start: reading all bytes takes minutes.
    """
    written = path.stat().st_mtime_ns
    if written > sum_of(path).stat().st_mtime_ns:
        check_sha256(path, recorded_sha256(path))
    try:
        with safe_open(path, "pt") as file:
            mean, std = (file.get_tensor(name).view(1, -1, 1, 1).to(device) for name in ("mean", "std"))
            small = {part: file.get_tensor(f"{part}_labels").to(device) for part in parts}
            return {p: Stream(file.get_tensor(f"{p}_images"), small[p], mean, std, path, written) for p in parts}
    except SafetensorError as error:
        raise ValueError(f"{path} is truncated or altered ({error}); delete it to have it made again") from None
