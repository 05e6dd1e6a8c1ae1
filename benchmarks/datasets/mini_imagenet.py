"""mini-ImageNet as a task of classification: 84x84 colour pictures, 100 classes of 600.

Source: Vinyals, Blundell, Lillicrap, Kavukcuoglu and Wierstra, "Matching networks for one shot learning", NeurIPS 2016,
in the selection of Ravi and Larochelle (ICLR 2017): a part of ImageNet (Russakovsky et al., 2015), whose terms hold:
non-commercial research. It has no page of its own to download from, so you bring it: 100 folders, one a class, of 600
JPEG or PNG files each, in `data/raw/mini_imagenet` or in `data/raw/mini_imagenet/mini-imagenet.zip`, at any depth: the
64 + 16 + 20 classes of the three few-shot parts together. Images of another size are cut to their central square
and resized.
Checked: nobody publishes a sum of it. An archive's sha256 is written beside it when it is first used, and it is checked
against that from then on; folders are not checked, but what was made of them is (data/mini_imagenet.sha256).
Split: this is not the few-shot split, which has different classes in every part. Here all parts have all 100 classes:
of each class's images, sorted by name, the last 100 are for the test, the 50 before them for validation and the first
450 for training. Accuracies are not those of few-shot papers.
Normalisation: mean and standard deviation of the training images, a channel. Augmentation: mirrored, and shifted by
up to 10 pixels, an eighth of the side as for CIFAR-10.
"""

from __future__ import annotations

from pathlib import Path

import torch

from benchmarks.data.dataset import Augment, Splits
from benchmarks.datasets import _files, _images

CLASSES = 100
SHAPE = (3, 84, 84)
IMAGES = (45000, 5000, 10000)
AUGMENT = Augment(shift=10, flip=True)
ARCHIVE = "mini-imagenet.zip"
SIDE = 84
TRAIN, VALIDATION, TEST = 450, 50, 100  # of a class


def read(raw: Path) -> Splits:
    """The three parts. Raises ValueError if `raw` does not hold what is described above."""
    root = raw / ARCHIVE if (raw / ARCHIVE).exists() else raw
    if root.is_file():
        _files.pin(root)
    classes = _images.by_class(root)
    each = TRAIN + VALIDATION + TEST
    if len(classes) != CLASSES or any(len(names) != each for names in classes.values()):
        found = f"{len(classes)} folders of {sum(map(len, classes.values()))} images"
        raise ValueError(
            f"mini-ImageNet cannot be downloaded: put {ARCHIVE} into {raw}, or {CLASSES} folders of {each} images "
            f"each; found {found}"
        )
    rest, test = _images.hold_out(_images.labelled(classes), TEST)
    train, validation = _images.hold_out(rest, VALIDATION)
    parts = {"train": train, "validation": validation, "test": test}
    return {
        part: (_images.Decoded(root, tuple(names), SIDE).tensor(), torch.tensor(labels))
        for part, (names, labels) in parts.items()
    }
