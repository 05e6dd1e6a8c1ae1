"""Tiny ImageNet: 64x64 colour pictures, 100,000 + 10,000, 200 classes.

Source: Stanford's course CS231n; Le and Yang, "Tiny ImageNet visual recognition challenge", 2015: a part of ImageNet
(Russakovsky et al., 2015), whose terms hold: non-commercial research. `data/raw/tiny_imagenet` may hold the course's
archive, tiny-imagenet-200.zip, or the folder that is in it, tiny-imagenet-200; where there is neither, the archive is
downloaded from the course's page.
Checked: the archive by its sha256; of the folder, how many images there are of each class.
Split: the labels of its test images are not public, so its validation images are the test set here, as in the
literature. The last 50 of the 500 training images of each class, by name, are for validation.
Normalisation: mean and standard deviation of the training images, a channel. Augmentation: mirrored, and shifted by
up to 8 pixels, an eighth of the side as for CIFAR-10.
"""

from __future__ import annotations

from pathlib import Path

import torch

from benchmarks.data.dataset import Augment, Splits
from benchmarks.datasets import _files, _images

CLASSES = 200
SHAPE = (3, 64, 64)
IMAGES = (90000, 10000, 10000)
AUGMENT = Augment(shift=8, flip=True)
SHA256 = {"tiny-imagenet-200.zip": "6198c8ae015e2b3e007c7841da39ec069199b9aa3bfa943a462022fe5e43c821"}
URL = "http://cs231n.stanford.edu/tiny-imagenet-200.zip"
TOP = "tiny-imagenet-200"
SIDE = 64
EACH = 500  # training images of a class
VALIDATION = 50  # of them


def read(raw: Path) -> Splits:
    """The three parts, from `raw` or the network."""
    root = _root(raw)
    classes = _images.by_class(root, f"{TOP}/train", at=-3)
    if len(classes) != CLASSES:
        raise ValueError(f"{root} must have {CLASSES} folders of images in {TOP}/train, has {len(classes)}")
    for key, names in classes.items():
        if len(names) != EACH:
            raise ValueError(f"{root}, {TOP}/train: {key} has {len(names)} images, must have {EACH}")
    train, validation = _images.hold_out(_images.labelled(classes), VALIDATION)
    parts = {"train": train, "validation": validation, "test": _official_validation(root, sorted(classes))}
    return {
        part: (_images.Decoded(root, tuple(names), SIDE).tensor(), torch.tensor(labels))
        for part, (names, labels) in parts.items()
    }


def _root(raw: Path) -> Path:
    """The archive, or the folder beside which it would be unpacked."""
    if (raw / TOP).is_dir() and not any((raw / name).exists() for name in SHA256):
        return raw
    (path,) = _files.fetch(raw, lambda name: [URL], SHA256, f", or the folder {TOP} that is in it")
    return path


def _official_validation(root: Path, classes: list[str]) -> _images.Listed:
    """Lines of val_annotations.txt: file, class, and four numbers of a box."""
    text = _images.reader(root)(f"{TOP}/val/val_annotations.txt").decode()
    lines = [line.split("\t") for line in text.splitlines()]
    return [f"{TOP}/val/images/{line[0]}" for line in lines], [classes.index(line[1]) for line in lines]
