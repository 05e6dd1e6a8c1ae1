"""ImageNet (ILSVRC 2012): colour pictures of any size, 1,281,167 + 50,000, 1,000 classes; here 224x224.

Source: Russakovsky et al., "ImageNet large scale visual recognition challenge", IJCV 2015; for non-commercial research,
on registration. You bring it: a folder with `train/<class>/*.JPEG` and `val/<class>/*.JPEG`, as torchvision's
ImageFolder has it, named by the environment variable IMAGENET, or at `data/raw/imagenet`. It is not checked
by sha256, being no file; what is made of it is.
Split: the labels of its test images are not public, so its validation images are the test set here, as in the
literature. The last 50 training images of each class, by name, are for validation.
Form: every image is cut to the central square that resizing its shorter side to 256 and cropping 224 leaves, and
resized to 224: what the literature tests on. That is done once, into one file of 193 GB which is mapped into memory and
streamed from (benchmarks/data/stream.py).
Normalisation: mean and standard deviation of the training images, a channel. Augmentation: mirrored, and shifted by
up to 16 pixels. The literature's crops of random size and shape need the whole image in every epoch; without them
accuracies are lower than published ones, for every method alike.
"""

from __future__ import annotations

import os
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.data.dataset import Augment
from benchmarks.datasets import _images

CLASSES = 1000
SHAPE = (3, 224, 224)
IMAGES = (1231167, 50000, 50000)
AUGMENT = Augment(shift=16, flip=True)
SIDE = 224
MARGIN = (256 - 224) / 256 / 2  # cut off each side of the central square
VALIDATION = 50  # of a class


def read(raw: Path) -> dict[str, tuple[_images.Decoded, Tensor]]:
    """The three parts, to be decoded in chunks. Raises ValueError if the folder is not there or not complete."""
    root = Path(os.environ.get("IMAGENET", raw))
    classes, official = (_images.by_class(root, part) for part in ("train", "val"))
    if len(classes) != CLASSES or sorted(classes) != sorted(official):
        raise ValueError(
            f"ImageNet cannot be downloaded: {root} (set IMAGENET to another folder) must hold train and val, each of "
            f"{CLASSES} folders of images; found {len(classes)} and {len(official)}"
        )
    train, validation = _images.hold_out(_images.labelled(classes), VALIDATION)
    parts = {"train": train, "validation": validation, "test": _images.labelled(official)}
    return {
        part: (_images.Decoded(root, tuple(names), SIDE, MARGIN), torch.tensor(labels))
        for part, (names, labels) in parts.items()
    }
