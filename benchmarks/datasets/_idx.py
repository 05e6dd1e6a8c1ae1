"""The IDX files of the MNIST family: found in the data folder, in a system folder, or downloaded; then checked."""

from __future__ import annotations

import gzip
import math
from collections.abc import Mapping
from pathlib import Path

import torch

from benchmarks.data.dataset import Splits
from benchmarks.datasets import _files

VALIDATION = 5000


def read(dataset: str, raw: Path, system: Path, sha256: Mapping[str, str]) -> Splits:
    """The last 5,000 training images are for validation.

    dataset: torchvision's name of the class. sha256: of the four gzip files, training images first.
    Raises ValueError, naming file, expected and found sha256, if one is truncated or altered.
    """
    folder = next((f for f in (raw, system) if all((f / name).exists() for name in sha256)), raw)
    paths = _files.fetch(folder, lambda name: _mirrors(dataset, name), sha256)
    return split([tensor(path.read_bytes(), path) for path in paths], VALIDATION)


def split(tensors: list[torch.Tensor], held_out: int) -> Splits:
    """Training images [n, h, w], labels, test images and labels become three parts with a channel of grey."""
    images, labels, test_images, test_labels = tensors
    return {
        "train": (images[:-held_out, None], labels[:-held_out]),
        "validation": (images[-held_out:, None], labels[-held_out:]),
        "test": (test_images[:, None], test_labels),
    }


def _mirrors(dataset: str, name: str) -> list[str]:
    """Where torchvision finds the file. Importing it costs seconds: only if something is to be downloaded."""
    import torchvision.datasets

    return [mirror + name for mirror in getattr(torchvision.datasets, dataset).mirrors]


def tensor(blob: bytes, source: object) -> torch.Tensor:
    """uint8 tensor of a gzipped IDX file: bytes 0, 0, type, rank; big-endian sizes; values. source: for the error."""
    try:
        blob = gzip.decompress(blob)
    except _files.DAMAGED as error:
        raise ValueError(f"{source} is truncated or altered: {error}") from None
    if blob[:3] != b"\0\0\x08":
        raise ValueError(f"{source} is not an IDX file of bytes: it begins with {blob[:4]!r}, not 00 00 08")
    rank = blob[3]
    shape = [int.from_bytes(blob[4 * i + 4 : 4 * i + 8], "big") for i in range(rank)]
    if len(blob) != 4 + 4 * rank + math.prod(shape):
        raise ValueError(
            f"{source} holds {len(blob)} bytes; an IDX file of {shape} holds {4 + 4 * rank + math.prod(shape)}"
        )
    return torch.frombuffer(bytearray(blob), dtype=torch.uint8, offset=4 + 4 * rank).view(shape)
