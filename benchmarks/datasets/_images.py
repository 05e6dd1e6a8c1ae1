"""Image files in a folder or a zip archive: decoded once, by every core, to square uint8 tensors."""

from __future__ import annotations

import io
import logging
import os
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

log = logging.getLogger(__name__)
CHUNK = 256  # images that are decoded and handed out at once
FORMATS = ("PNG", "JPEG")
SUFFIXES = (".jpeg", ".jpg", ".png")
Listed = tuple[list[str], list[int]]  # names of images under a folder or archive, and their labels


@dataclass(frozen=True)
class Decoded:
    """Colour images, decoded whenever they are asked for and never held as a whole.

    An image is cut to its central square, less `margin` of that on every side, and resized to `side` pixels. With
    `exact`, an image that is not a PNG file of that size is refused instead.
    """

    root: Path  # a folder or a zip archive
    names: tuple[str, ...]  # under it
    side: int
    margin: float = 0.0
    exact: bool = False

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return len(self.names), 3, self.side, self.side

    def chunks(self) -> Iterator[Tensor]:
        """uint8 [up to 256, 3, side, side], in order. Raises ValueError, naming the file, if one is no image."""
        chunks = [self.names[i : i + CHUNK] for i in range(0, len(self.names), CHUNK)]
        decode = partial(_decode, self)
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


def _decode(images: Decoded, names: tuple[str, ...]) -> np.ndarray:
    read = reader(images.root)
    return np.stack([_pixels(images, name, read(name)) for name in names]).transpose(0, 3, 1, 2)


def _pixels(images: Decoded, name: str, blob: bytes) -> np.ndarray:
    """uint8 [side, side, 3]."""
    from PIL import Image, ImageOps

    size = (images.side, images.side)
    try:
        with Image.open(io.BytesIO(blob), formats=FORMATS) as image:
            if images.exact and (image.format, image.size) != ("PNG", size):
                raise ValueError(
                    f"{name} in {images.root} is a {image.format} file of {image.width}x{image.height} pixels; only "
                    f"PNG files of {images.side}x{images.side} hold the published pixels: JPEG and resizing lose them"
                )
            square = image if image.mode == "RGB" else image.convert("RGB")
            if image.size != size or images.margin:
                square = ImageOps.fit(square, size, Image.Resampling.BILINEAR, bleed=images.margin)
            return np.asarray(square)
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"{name} in {images.root} is no image that can be read: {error}") from None


def reader(root: Path) -> Callable[[str], bytes]:
    """What reads a file under a folder or in a zip archive; it raises ValueError if that is not there or not whole."""
    archive = None if root.is_dir() else _archive(root)

    def read(name: str) -> bytes:
        try:
            return archive.read(name) if archive else (root / name).read_bytes()
        except (KeyError, FileNotFoundError):
            raise ValueError(f"{root} has no file {name}") from None
        except (zipfile.BadZipFile, zlib.error) as error:
            raise ValueError(f"{name} in {root} is truncated or altered: {error}") from None

    return read


def _archive(path: Path) -> zipfile.ZipFile:
    """Raises ValueError if the file is no zip archive, or a part of one."""
    return _opened(os.getpid(), path, path.stat().st_mtime_ns)


@cache
def _opened(process: int, path: Path, written: int) -> zipfile.ZipFile:
    """Once in each process, since its list of files is long and a forked process must not share its position."""
    try:
        return zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise ValueError(f"{path} ({path.stat().st_size} bytes) is no whole zip archive: {error}") from None


def by_class(root: Path, under: str = "", at: int = -2) -> dict[str, list[str]]:
    """Class -> names of its images, sorted.

    root: a folder, or a zip archive. under: a folder of it. at: which part of a name is the class, by default the
    folder that the image is in. Hidden files, which some systems put beside images, are no images.
    """
    classes: dict[str, list[str]] = {}
    for name in sorted(_names(root, under)):
        parts = name.split("/")
        image = name.lower().endswith(SUFFIXES) and not parts[-1].startswith(".")
        if image and name.startswith(under) and len(parts) >= -at:
            classes.setdefault(parts[at], []).append(name)
    return classes


def _names(root: Path, under: str) -> list[str]:
    if root.is_file():
        return _archive(root).namelist()
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
