"""CIFAR-10 with 1,000 training images of each class, two fifths of the labels shuffled: label noise, 10 classes.

Source: the files of cifar10, in `data/raw/cifar10`. The noise is close to the symmetric one of the literature (for
example Patrini et al., "Making deep neural networks robust to label noise", CVPR 2017), which draws labels anew;
shuffled among the images, as many of each class remain. 36 % of the training labels are wrong.
Split: the images of cifar10_small; labels of validation and test images are right. Normalisation and augmentation: as
there.
"""

from __future__ import annotations

from pathlib import Path

import torch

from benchmarks.data.dataset import Splits
from benchmarks.datasets import cifar10_small

CLASSES = cifar10_small.CLASSES
SHAPE = (3, 32, 32)
IMAGES = (10000, 5000, 10000)
AUGMENT = cifar10_small.AUGMENT
SHARE = 0.4  # of the training images, which exchange their labels


def read(raw: Path) -> Splits:
    """The three parts, from the folder of cifar10 beside `raw`."""
    parts = cifar10_small.read(raw)
    images, labels = parts["train"]
    draw = torch.Generator().manual_seed(0)
    chosen = torch.randperm(len(labels), generator=draw)[: round(SHARE * len(labels))]
    noisy = labels.clone()
    noisy[chosen] = labels[chosen[torch.randperm(len(chosen), generator=draw)]]
    return parts | {"train": (images, noisy)}
