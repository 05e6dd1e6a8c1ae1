"""Datasets that no memory holds: written in chunks, mapped into memory, and handed out from there.

The file is a safetensors file like that of any other dataset; only the way in and out differs. Batches are those of
`benchmarks.data.Part`, with the same draws: a thread makes the next ones while the device trains.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from benchmarks.data import Augment, Part, check_sha256, draws, recorded_sha256, sum_of, windows
from benchmarks.files import replacing, write_atomically
from methods.core.api import Batch

IN_MEMORY = 8 * 2**30  # bytes; a larger file is streamed
AHEAD = 3  # batches that are ready, or being made
CHUNK = 1024  # images of a tensor that are written at once
BYTES = {"I64": 8, "F32": 4, "U8": 1}  # a value, by safetensors' names of types
Layout = dict[str, tuple[str, list[int]]]  # name -> type, shape


class Chunked(Protocol):
    """Images [n, c, h, w] that come in chunks; `benchmarks.datasets._images.Decoded` is one."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def chunks(self) -> Iterator[Tensor]: ...


def write(path: Path, parts: Mapping[str, tuple[Tensor | Chunked, Tensor]]) -> None:
    """Write images (uint8) and labels of every part, mean and std of "train", and the file's sha256 beside it.

    Whole or not there; takes a chunk of memory.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        _fill(file, parts)
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    write_atomically(sum_of(path), f"{digest}  {path.name}\n".encode())


def _fill(file: IO[bytes], parts: Mapping[str, tuple[Tensor | Chunked, Tensor]]) -> None:
    images = {f"{part}_images": each for part, (each, _) in parts.items()}
    small = {f"{part}_labels": labels.long() for part, (_, labels) in parts.items()}
    counts = torch.zeros(images["train_images"].shape[1], 256, dtype=torch.int64)
    layout: Layout = {name: ("I64", list(labels.shape)) for name, labels in small.items()}
    layout |= {name: ("F32", [len(counts)]) for name in ("mean", "std")}
    layout |= {name: ("U8", list(each.shape)) for name, each in images.items()}  # last: they end anywhere
    begins = _write_header(file, layout)
    for name, each in images.items():
        chunks = each.split(CHUNK) if isinstance(each, Tensor) else each.chunks()
        _put(file, begins[name], _counted(chunks, counts) if name == "train_images" else chunks)
    small["mean"], small["std"] = moments(counts)
    for name, tensor in small.items():
        _put(file, begins[name], [tensor])


def _write_header(file: IO[bytes], layout: Layout) -> dict[str, int]:
    """Eight bytes of length, then JSON, padded to where an int64 may stand. Name -> where its values begin."""
    begins: dict[str, int] = {}
    described, end = {}, 0
    for name, (dtype, shape) in layout.items():
        begins[name], end = end, end + BYTES[dtype] * math.prod(shape)
        described[name] = {"dtype": dtype, "shape": shape, "data_offsets": [begins[name], end]}
    text = json.dumps(described).encode()
    text += b" " * (-len(text) % 8)
    file.write(len(text).to_bytes(8, "little") + text)
    file.truncate(8 + len(text) + end)
    return {name: 8 + len(text) + begin for name, begin in begins.items()}


def _put(file: IO[bytes], begin: int, tensors: Iterable[Tensor]) -> None:
    file.seek(begin)
    for tensor in tensors:
        file.write(tensor.contiguous().numpy().data)


def _counted(chunks: Iterable[Tensor], counts: Tensor) -> Iterator[Tensor]:
    """The same chunks; `counts` [channels, 256] grows by how often each value occurs."""
    for chunk in chunks:
        counts += torch.stack([channel.flatten().bincount(minlength=256) for channel in chunk.unbind(1)])
        yield chunk


def moments(counts: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation, float32 [channels], at least 1, of values that occur `counts` [channels, 256] times.

    Exact whatever the number of pixels, and in whatever order they came.
    """
    values, seen = torch.arange(256.0, dtype=torch.float64), counts.sum(1, dtype=torch.float64)
    mean = (counts * values).sum(1) / seen
    variance = (counts * (values - mean[:, None]) ** 2).sum(1) / (seen - 1)
    return mean.float(), variance.sqrt().float().clamp_min(1.0)


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
