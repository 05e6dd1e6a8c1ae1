"""CIFAR from either of its public forms: the author's binary archive, or a lossless image file per picture.

Both give the same tensors: images are put into the order of the sha256 of their pixels, which no copy can change, and
the parts are taken from that order. One sum per split, over all of its records in that order, says whether the content
is the published one, whatever files it came from. The Python version of the archive is not read: it is a pickle, which
can run anything when it is loaded.
"""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from benchmarks.data.dataset import Splits
from benchmarks.datasets import _files, _images

SIDE = 32
PIXELS = 3 * SIDE * SIDE
PAGE = "https://www.cs.toronto.edu/~kriz/"
OTHERWISE = ", or images by class, train/<class>/*.png and test/<class>/*.png, as folders or in one zip"


@dataclass(frozen=True)
class Split:
    """What is published of the training or of the test images."""

    members: Sequence[str]  # files of the binary archive
    classes: int
    each: int  # images of a class
    sha256: str  # of all records, a byte of class and 3,072 bytes of red, green and blue rows, in canonical order
    repeated: int = 0  # images with the pixels of another


def read(raw: Path, archive: Mapping[str, str], train: Split, test: Split, labels: int, held_out: int) -> Splits:
    """Three parts, in canonical order: the last `held_out` training images of every class are for validation.

    The binary archive is read if it is in `raw`, else a zip or folders of images, else the archive is downloaded.
    archive: its name and sha256. labels: bytes before an image there; the last is the class. Raises ValueError, with
    the reason, if the content is not the published one, or cannot be had.
    """
    splits = {"train": train, "test": test}
    path = _images_in(raw)
    if path is None or any((raw / name).exists() for name in archive):
        (path,) = _files.fetch(raw, lambda name: [PAGE + name], archive, OTHERWISE)
        found = {name: _binary(path, split, labels) for name, split in splits.items()}
    else:
        listed = {name: _listed(path, split, name) for name, split in splits.items()}
        found = {name: _decoded(path, *images) for name, images in listed.items()}
    records, tested = (_published(found[name], split, f"{path}, {name} images") for name, split in splits.items())
    ends = [np.flatnonzero(records[:, 0] == label)[-held_out:] for label in np.unique(records[:, 0])]
    held = np.isin(np.arange(len(records)), np.concatenate(ends))
    return {"train": _tensors(records[~held]), "validation": _tensors(records[held]), "test": _tensors(tested)}


def _images_in(raw: Path) -> Path | None:
    """The zip, or the folder itself, that holds images by class."""
    zips, folders = sorted(raw.glob("*.zip")), [*raw.glob("train"), *raw.glob("*/train")]
    return zips[0] if zips else raw if folders else None


def _listed(root: Path, split: Split, name: str) -> _images.Listed:
    """Images under folders `<name>/<class>`, at any depth, counted. A class is its place in the alphabet."""
    found = {key: [n for n in names if n.split("/")[-3:-2] == [name]] for key, names in _images.by_class(root).items()}
    classes = {key: names for key, names in found.items() if names}
    where = f"{root}, {name} images"
    if len(classes) != split.classes:
        raise ValueError(f"{where}: found {len(classes)} class folders with images, expected {split.classes}")
    names, labels = _images.labelled(classes)
    _check_counts(np.array(labels, np.int64), split, where)
    return names, labels


def _decoded(root: Path, names: Sequence[str], labels: Sequence[int]) -> np.ndarray:
    """Records of these images."""
    pixels = _images.Decoded(root, tuple(names), SIDE, exact=True).tensor().numpy()
    return np.concatenate([np.array(labels, np.uint8)[:, None], pixels.reshape(-1, PIXELS)], axis=1)


def _binary(path: Path, split: Split, labels: int) -> np.ndarray:
    """Records of files of the archive."""
    size = labels + PIXELS
    records = []
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in split.members:
                blob = _files.member(archive, member)
                if len(blob) % size:
                    raise ValueError(f"{member} in {path} holds {len(blob)} bytes, which is no multiple of {size}")
                records.append(np.frombuffer(blob, np.uint8).reshape(-1, size)[:, labels - 1 :])
    except _files.DAMAGED as error:
        raise ValueError(f"{path} is truncated or altered: {error}") from None
    found = np.concatenate(records)
    _check_counts(found[:, 0].astype(np.int64), split, f"{path}, images of {', '.join(split.members)}")
    return found


def _check_counts(labels: np.ndarray, split: Split, where: str) -> None:
    """Before anything is decoded."""
    counts = np.bincount(labels, minlength=split.classes).tolist()
    if len(counts) != split.classes:
        raise ValueError(f"{where}: class number {len(counts) - 1}, allowed are 0 to {split.classes - 1}")
    for label, count in enumerate(counts):
        if count != split.each:
            what = "missing" if count < split.each else "doubled"
            raise ValueError(f"{where}: {count} of class {label}, must be {split.each}; some are {what}")


def _published(records: np.ndarray, split: Split, where: str) -> np.ndarray:
    """The records in canonical order. Raises ValueError, with the likely reason, if they are not the published ones."""
    digests = [hashlib.sha256(record[1:]).digest() for record in records]
    order = sorted(range(len(records)), key=lambda i: (digests[i], records[i, 0]))
    repeated = len(digests) - len(set(digests))
    if repeated > split.repeated:
        raise ValueError(f"{where}: {repeated} are doubled, must be {split.repeated}; as many others are missing")
    found = hashlib.sha256(records[order].tobytes()).hexdigest()
    if found != split.sha256:
        raise ValueError(
            f"{where}: expected sha256 of all in canonical order {split.sha256}, found {found}; pixels were lost "
            "to JPEG or resizing before they were saved, or images lie in the folder of another class"
        )
    return records[order]


def _tensors(records: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(records[:, 1:]).reshape(-1, 3, SIDE, SIDE), torch.from_numpy(records[:, 0].copy())
