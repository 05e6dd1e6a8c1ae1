"""Whether a dataset is what its file says: checked before it is written, since the whole suite relies on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Protocol

import torch
from torch import Tensor

PARTS = ("train", "validation", "test")


class Images(Protocol):
    """[n, channels, height, width], held in memory or decoded on demand."""

    @property
    def shape(self) -> tuple[int, ...]: ...


def check_parts(dataset: str, module: ModuleType, parts: Mapping[str, tuple[Images, Tensor]]) -> None:
    """Raises ValueError, with the dataset's name, if `parts` do not fit CLASSES, SHAPE and IMAGES of its module."""
    fault = next(_faults(module, parts), None)
    if fault:
        raise ValueError(f"dataset {dataset}: {fault}")


def _faults(module: ModuleType, parts: Mapping[str, tuple[Images, Tensor]]) -> Iterator[str]:
    shape = tuple(module.SHAPE)
    if tuple(parts) != PARTS:
        yield f"read gives the parts {', '.join(parts)}; must be {', '.join(PARTS)}"
    if len(shape) != 3 or shape[1] != shape[2]:
        yield f"SHAPE is {shape}; must be channels, height and width of a square image"
    for part, (images, labels) in parts.items():
        if isinstance(images, Tensor) and images.dtype != torch.uint8:
            yield f"{part} images are {images.dtype}; must be torch.uint8"
        if tuple(images.shape[1:]) != shape:
            yield f"{part} images have shape {tuple(images.shape[1:])}; SHAPE says {shape}"
        yield from _label_faults(part, images.shape[0], labels, module.CLASSES)
    found = tuple(len(labels) for _, labels in parts.values())
    if found != tuple(module.IMAGES):
        yield f"the parts have {found} images; IMAGES says {tuple(module.IMAGES)}"


def _label_faults(part: str, images: int, labels: object, classes: int) -> Iterator[str]:
    if not isinstance(labels, Tensor):
        yield f"{part} labels are a {type(labels).__name__}; must be a tensor"
    assert isinstance(labels, Tensor)  # the first fault ends the check
    if labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
        yield f"{part} labels are {labels.dtype}; must be integers"
    if tuple(labels.shape) != (images,) or images == 0:
        yield f"{part} has {images} images and labels of shape {tuple(labels.shape)}; must be one label an image"
    least, most = int(labels.min()), int(labels.max())
    if least < 0 or most >= classes:
        yield f"{part} labels are {least} to {most}; CLASSES allows 0 to {classes - 1}"
