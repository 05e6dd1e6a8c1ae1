"""A dataset as one file: prepared once from its published bytes, and read again for every job."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Protocol

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from benchmarks import registry
from benchmarks.data import IN_MEMORY, stream
from benchmarks.data.check import check_parts
from benchmarks.data.checksum import check_sha256, recorded_sha256, sum_of
from benchmarks.data.dataset import Part
from benchmarks.machine.files import replacing, write_atomically

CHUNK = 1024  # images of a tensor that are written at once
BYTES = {"I64": 8, "F32": 4, "U8": 1}  # a value, by safetensors' names of types
Layout = dict[str, tuple[str, list[int]]]  # name -> type, shape


class Chunked(Protocol):
    """Images [n, c, h, w] that come in chunks; `benchmarks.datasets._images.Decoded` is one."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def chunks(self) -> Iterator[Tensor]: ...


def prepare(dataset: str, raw: Path, path: Path) -> None:
    """Write a dataset's tensors to `path` and their sha256 beside it. Raises ValueError if they are not as it says."""
    module = registry.load("dataset", dataset)
    parts = module.read(raw)
    check_parts(dataset, module, parts)
    write(path, parts)


def load(path: Path, parts: tuple[str, ...], device: torch.device) -> dict[str, Part]:
    """Read these parts alone. Raises ValueError if the file is not the one that was prepared."""
    if path.stat().st_size > IN_MEMORY:
        return stream.load(path, parts, device)
    names = [f"{part}_{what}" for part in parts for what in ("images", "labels")]
    try:
        with safe_open(path, "pt") as file:
            # Copied: a tensor of the file is the file, mapped, and would change with it.
            read = {name: file.get_tensor(name).to(device, copy=True) for name in (*names, "mean", "std")}
    except SafetensorError as error:
        check_sha256(path, recorded_sha256(path))  # whose message says more
        raise ValueError(f"{path} is no file of tensors ({error}); delete it to have it made again") from None
    check_sha256(path, recorded_sha256(path))  # after reading: what was checked first could still be altered
    mean, std = (read[name].view(1, -1, 1, 1) for name in ("mean", "std"))
    return {part: Part(read[f"{part}_images"], read[f"{part}_labels"], mean, std) for part in parts}


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
