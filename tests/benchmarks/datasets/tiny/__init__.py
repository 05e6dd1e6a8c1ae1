"""Tiny files of the form in which a dataset is published: `<key>.py` writes those of a dataset into its data folder.

It holds `make(module, raw, patch)`, which also tells the dataset's module, by `patch`, how small they are. A dataset
that needs no files, or makes its own, has none.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib
import io
import tarfile
import zipfile
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest


def make(key: str, module: ModuleType, raw: Path, patch: pytest.MonkeyPatch) -> bool:
    """The tiny files of a dataset, by its own maker. False if it has none."""
    if not (Path(__file__).parent / f"{key}.py").exists():
        return False
    importlib.import_module(f"{__name__}.{key}").make(module, raw, patch)
    return True


def pin(module: ModuleType, folder: Path, patch: pytest.MonkeyPatch) -> None:
    """The made files are the ones that the dataset asks for."""
    sums = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in module.SHA256}
    patch.setattr(module, "SHA256", sums)


def pixels(n: int, *shape: int, seed: int = 0) -> np.ndarray:
    """Bytes of any value."""
    return np.random.default_rng(seed).integers(0, 256, (n, *shape), dtype=np.uint8)


def idx(values: np.ndarray) -> bytes:
    sizes = b"".join(size.to_bytes(4, "big") for size in values.shape)
    return gzip.compress(bytes([0, 0, 8, values.ndim]) + sizes + values.tobytes(), mtime=0)


def zipped(path: Path, files: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, blob in files.items():
            archive.writestr(name, blob)


def tarred(path: Path, files: dict[str, bytes]) -> None:
    with tarfile.open(path, "w:gz") as archive:
        for name, blob in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(blob)
            archive.addfile(member, io.BytesIO(blob))


def png(shade: int, side: int) -> bytes:
    """A grey-blue square: every pixel is (shade, shade, 200)."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.new("RGB", (side, side), (shade, shade, 200)).save(buffer, "PNG")
    return buffer.getvalue()


def saved(image: np.ndarray, form: str) -> bytes:
    """A file of an image [3, height, width]."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(image.transpose(1, 2, 0)).save(buffer, form)
    return buffer.getvalue()
