"""The binary files of CIFAR: every image is its labels, a byte each, and 3,072 bytes of red, green and blue rows.

The Python version of the same images is a pickle, which can run anything when it is loaded; it is not used.
"""

from __future__ import annotations

import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from benchmarks.data.dataset import Splits
from benchmarks.datasets import _files

SIDE = 32
VALIDATION = 5000
PAGE = "https://www.cs.toronto.edu/~kriz/"


def read(raw: Path, sha256: Mapping[str, str], train: Sequence[str], test: str, labels: int) -> Splits:
    """The last 5,000 training images are for validation.

    sha256: of the one archive. train, test: its members. labels: bytes before an image; the last is the class.
    Raises ValueError if the archive is truncated or altered, or cannot be had.
    """
    (path,) = _files.fetch(raw, lambda name: [PAGE + name], sha256)
    blobs = {}
    with tarfile.open(path, "r:gz") as archive:
        for name in (*train, test):
            blobs[name] = _files.member(archive, name)
    images, classes = _tensors(b"".join(blobs[name] for name in train), labels, path)
    return {
        "train": (images[:-VALIDATION], classes[:-VALIDATION]),
        "validation": (images[-VALIDATION:], classes[-VALIDATION:]),
        "test": _tensors(blobs[test], labels, path),
    }


def _tensors(blob: bytes, labels: int, path: Path) -> tuple[torch.Tensor, torch.Tensor]:
    size = labels + 3 * SIDE * SIDE
    if not blob or len(blob) % size:
        raise ValueError(f"{path} holds {len(blob)} bytes of images, which is no multiple of {size}")
    records = torch.frombuffer(bytearray(blob), dtype=torch.uint8).view(-1, size)
    return records[:, labels:].reshape(-1, 3, SIDE, SIDE), records[:, labels - 1].clone()
