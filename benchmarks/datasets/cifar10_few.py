"""CIFAR-10 with 100 training images of each class: few labels, 10 classes.

Source: the files of cifar10, in `data/raw/cifar10`. An epoch here is a tenth of one of cifar10_small: give ten times
the epochs for as many steps.
Split: of the training images of cifar10 the first 100 of each class; its validation and test parts are whole, so that
accuracies compare. Normalisation: by these training images. Augmentation: as there.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.data.dataset import Splits
from benchmarks.datasets import cifar10
from benchmarks.datasets._thinned import thinned

CLASSES = cifar10.CLASSES
SHAPE = (3, 32, 32)
IMAGES = (1000, 5000, 10000)
AUGMENT = cifar10.AUGMENT
EACH = 100  # training images of a class


def read(raw: Path) -> Splits:
    """The three parts, from the folder of cifar10 beside `raw`."""
    return thinned(cifar10.read(raw.with_name("cifar10")), slice(EACH))
