"""Fashion-MNIST with a tenth of its training images: the harder form of fashion_mnist, 10 classes.

Source: the files of fashion_mnist. An epoch here is a tenth of one there: give ten times the epochs for as many steps.
Split: of the training images of fashion_mnist every tenth of each class, from its first; its validation and test
parts are whole, so that accuracies compare. Normalisation: by these training images. Augmentation: as there.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.data.dataset import Splits
from benchmarks.datasets import fashion_mnist
from benchmarks.datasets._thinned import thinned

CLASSES = fashion_mnist.CLASSES
SHAPE = (1, 28, 28)
IMAGES = (5504, 5000, 10000)
AUGMENT = fashion_mnist.AUGMENT
EVERY = 10


def read(raw: Path) -> Splits:
    """The three parts, from the folder of fashion_mnist beside `raw`."""
    return thinned(fashion_mnist.read(raw.with_name("fashion_mnist")), slice(None, None, EVERY))
