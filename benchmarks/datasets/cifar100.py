"""CIFAR-100: 32x32 colour pictures, 50,000 + 10,000, 100 classes of 600 images.

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

CLASSES = 100
SHAPE = (3, 32, 32)
IMAGES = (45000, 5000, 10000)
AUGMENT = Augment(shift=4, flip=True)
SHA256 = {"cifar-100-binary.tar.gz": "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec"}
TRAIN = ["cifar-100-binary/train.bin"]
TEST = "cifar-100-binary/test.bin"


def read(raw: Path) -> Splits:
    """The three parts, from `raw` or the network. The first label of an image is one of 20 coarse classes."""
    return _cifar.read(raw, SHA256, TRAIN, TEST, labels=2)
