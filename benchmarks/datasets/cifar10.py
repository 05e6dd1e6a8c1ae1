"""CIFAR-10: 32x32 colour pictures of animals and vehicles, 50,000 + 10,000, 10 classes.

Source: Krizhevsky, "Learning multiple layers of features from tiny images", 2009; its author states no licence and asks
to be cited. The binary version, downloaded from the author's page.
Split: the last 5,000 training images are for validation; the test set is the published one.
Normalisation: mean and standard deviation of the training images, a channel. Augmentation: mirrored, and shifted by
up to 4 pixels, as He et al. do (CVPR 2016, section 4.2).
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.data.dataset import Augment, Splits
from benchmarks.datasets import _cifar

CLASSES = 10
SHAPE = (3, 32, 32)
IMAGES = (45000, 5000, 10000)
AUGMENT = Augment(shift=4, flip=True)
SHA256 = {"cifar-10-binary.tar.gz": "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"}
TRAIN = [f"cifar-10-batches-bin/data_batch_{i}.bin" for i in range(1, 6)]
TEST = "cifar-10-batches-bin/test_batch.bin"


def read(raw: Path) -> Splits:
    """The three parts, from `raw` or the network."""
    return _cifar.read(raw, SHA256, TRAIN, TEST, labels=1)
