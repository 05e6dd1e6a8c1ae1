"""Image files in a folder or a zip archive: decoded once, by every core, to square uint8 tensors."""

from __future__ import annotations

import io
import logging
import os
import zipfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

log = logging.getLogger(__name__)
CHUNK = 256  # images that are decoded and handed out at once
FORMATS = ("JPEG", "PNG")
SUFFIXES = (".jpeg", ".jpg", ".png")
Listed = tuple[list[str], list[int]]  # names of images under a folder or archive, and their labels


@dataclass(frozen=True)
class Decoded:
    """Colour images, decoded whenever they are asked for and never held as a whole.

    An image is cut to its central square, less `margin` of that on every side, and resized to `side` pixels.
    """

    root: Path  # a folder or a zip archive
    names: tuple[str, ...]  # under it
    side: int
    margin: float = 0.0

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return len(self.names), 3, self.side, self.side

    def chunks(self) -> Iterator[Tensor]:
        """uint8 [up to 256, 3, side, side], in order. Raises ValueError, naming the file, if one is no image."""
        chunks = [self.names[i : i + CHUNK] for i in range(0, len(self.names), CHUNK)]
        decode = partial(_decode, self.root, self.side, self.margin)
        workers = os.cpu_count() or 1
        done = 0
        with ProcessPoolExecutor(workers) as pool:
            for i in range(0, len(chunks), 2 * workers):  # all at once would pile up before a slow disk
                for decoded in pool.map(decode, chunks[i : i + 2 * workers]):
                    done += len(decoded)
                    log.info("%s: %d of %d images", self.root.name, done, len(self.names))
                    yield torch.from_numpy(decoded)

    def tensor(self) -> Tensor:
        """All of them."""
        images = torch.empty(self.shape, dtype=torch.uint8)
        for i, chunk in enumerate(self.chunks()):
            images[i * CHUNK : i * CHUNK + len(chunk)] = chunk
        return images


def _decode(root: Path, side: int, margin: float, names: tuple[str, ...]) -> np.ndarray:
    return np.stack([_pixels(root, name, side, margin) for name in names])


def _pixels(root: Path, name: str, side: int, margin: float) -> np.ndarray:
    from PIL import Image, ImageOps

    blob = (root / name).read_bytes() if root.is_dir() else _archive(root).read(name)
    try:
        with Image.open(io.BytesIO(blob), formats=FORMATS) as image:
            square = ImageOps.fit(image.convert("RGB"), (side, side), Image.Resampling.BILINEAR, bleed=margin)
    except (OSError, Image.DecompressionBombError) as error:
        raise ValueError(f"{name} in {root} is no image that can be read: {error}") from None
    return np.asarray(square).transpose(2, 0, 1)


@cache
def _archive(path: Path) -> zipfile.ZipFile:
    """Open in this worker: its list of files is long."""
    return zipfile.ZipFile(path)


def by_class(root: Path, under: str = "", at: int = -2) -> dict[str, list[str]]:
    """Class -> names of its images, sorted.

    root: a folder, or a zip archive. under: a folder of it. at: which part of a name is the class, by default the
    folder that the image is in.
    """
    classes: dict[str, list[str]] = {}
    for name in sorted(_names(root, under)):
        parts = name.split("/")
        if name.startswith(under) and name.lower().endswith(SUFFIXES) and len(parts) >= -at:
            classes.setdefault(parts[at], []).append(name)
    return classes


def _names(root: Path, under: str) -> list[str]:
    if root.is_file():
        with zipfile.ZipFile(root) as archive:
            return archive.namelist()
    walked = os.walk(root / under, followlinks=True)
    return [(Path(folder) / file).relative_to(root).as_posix() for folder, _, files in walked for file in files]


def labelled(classes: dict[str, list[str]]) -> Listed:
    """A class's label is its place in the order of the classes' names."""
    names = [name for key in sorted(classes) for name in classes[key]]
    return names, [label for label, key in enumerate(sorted(classes)) for _ in classes[key]]


def hold_out(listed: Listed, count: int) -> tuple[Listed, Listed]:
    """All images but the last `count` of every class, and those; both in order."""
    left = {label: seen - count for label, seen in Counter(listed[1]).items()}
    rest: Listed = ([], [])
    held: Listed = ([], [])
    for name, label in zip(*listed, strict=True):
        names, labels = rest if left[label] > 0 else held
        names.append(name)
        labels.append(label)
        left[label] -= 1
    return rest, held
