"""CIFAR-10: 32x32 colour pictures of animals and vehicles, 50,000 + 10,000, 10 classes.

Source: Krizhevsky, "Learning multiple layers of features from tiny images", 2009; its author states no licence and asks
to be cited. `data/raw/cifar10` may hold the author's binary archive, cifar-10-binary.tar.gz, or lossless images by
class, `train/<class>/*.png` and `test/<class>/*.png`, as folders or in one zip; where there is neither, the archive is
downloaded from the author's page. Folders of the 10 classes in alphabetical order are the author's labels.
Checked: what was read, from either form, by the sums below. They are of a lossless copy of the images by class, which
has the published counts and the mean and standard deviation that are published of the original's training images,
0.49139968, 0.48215841, 0.44653091 and 0.24703223, 0.24348513, 0.26158784, to all of these digits.
Split: images are in the order of the sha256 of their pixels, which does not depend on the files. The last 500 training
images of each class in it are for validation; the test set is the published one. No image occurs twice in either.
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
TRAIN = _cifar.Split(
    members=tuple(f"cifar-10-batches-bin/data_batch_{i}.bin" for i in range(1, 6)),
    classes=CLASSES,
    each=5000,
    sha256="ae883a95fedf31aa5f387fc823efbe8561c4639a9a18e26e4f7d2b0d7846b5ba",
)
TEST = _cifar.Split(
    members=("cifar-10-batches-bin/test_batch.bin",),
    classes=CLASSES,
    each=1000,
    sha256="fbdc181eb36ce944cdef2bec662c5a9406c7a62a7efc665534b17ed47de7a468",
)
VALIDATION = 500  # of a class


def read(raw: Path) -> Splits:
    """The three parts, from `raw` or the network."""
    return _cifar.read(raw, SHA256, TRAIN, TEST, labels=1, held_out=VALIDATION)
