"""The binary archive of CIFAR, and the same images as PNG files by class."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from tests.benchmarks.datasets.tiny import pin, pixels, saved, tarred, zipped

EACH = {"TRAIN": 4, "TEST": 2}  # images of a class


def make(module: ModuleType, raw: Path, patch: pytest.MonkeyPatch) -> None:
    """The archive. Of the training images of a class one is for validation."""
    of = getattr(module, "cifar10", module)
    folder = raw.with_name("cifar10") if of is not module else raw
    folder.mkdir(exist_ok=True)
    files = {}
    for split, each in EACH.items():
        records = published(of.CLASSES, split)
        known = {"each": each, "repeated": repeated(records), "sha256": total(records)}
        patch.setattr(of, split, replace(getattr(of, split), **known))
        members = getattr(of, split).members
        files |= {m: binary(part) for m, part in zip(members, np.array_split(records, len(members)), strict=True)}
    write_archive(of, folder, files, patch)
    patch.setattr(of, "VALIDATION", 1)
    if of is not module:
        patch.setattr(module, "EACH", 2)


def published(classes: int, split: str) -> np.ndarray:
    """Records in the order of the author's file: a class, and 3,072 bytes of red, green and blue rows.

    In CIFAR-100 an image occurs twice, in two classes, as some do in the official one.
    """
    labels = (np.arange(EACH[split] * classes)[:, None] % classes).astype(np.uint8)
    images = pixels(len(labels), 3072, seed=len(split))
    if classes > 10:
        images[-1] = images[-2]
    return np.concatenate([labels, images], axis=1)


def repeated(records: np.ndarray) -> int:
    """How many images have the pixels of another."""
    return len(records) - len({record[1:].tobytes() for record in records})


def total(records: np.ndarray) -> str:
    """The sum that does not depend on the order of the records."""
    ordered = sorted(records, key=lambda record: (hashlib.sha256(record[1:].tobytes()).digest(), record[0]))
    return hashlib.sha256(b"".join(record.tobytes() for record in ordered)).hexdigest()


def binary(records: np.ndarray) -> bytes:
    """As the archive has them: in CIFAR-100, the one with more than ten classes, behind a byte of the coarse class."""
    coarse = [records[:, :1] // 5] if records[:, 0].max() > 9 else []
    return np.concatenate([*coarse, records], axis=1).tobytes()


def write_archive(module: ModuleType, folder: Path, files: dict[str, bytes], patch: pytest.MonkeyPatch) -> None:
    """Taken for the published one, whatever is in it."""
    (name,) = module.SHA256
    tarred(folder / name, files)
    pin(module, folder, patch)


def by_class(classes: int) -> dict[str, bytes]:
    """Name -> bytes of PNG files, in another order than that of the archive."""
    return dict(_encoded(classes))


@cache
def _encoded(classes: int) -> dict[str, bytes]:
    files = {}
    for split in ("TRAIN", "TEST"):
        for i, record in enumerate(published(classes, split)):
            name = f"{split.lower()}/class_{record[0]:02d}/{999 - i}.png"
            files[name] = saved(record[1:].reshape(3, 32, 32), "PNG")
    return files


def put(raw: Path, files: dict[str, bytes], form: str = "folder") -> None:
    """Images by class in place of the archive."""
    for path in raw.glob("*.tar.gz"):
        path.unlink()
    if form == "zip":
        zipped(raw / "any name.zip", files)
    for name, blob in files.items() if form == "folder" else ():
        (raw / name).parent.mkdir(parents=True, exist_ok=True)
        (raw / name).write_bytes(blob)
