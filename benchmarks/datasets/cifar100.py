"""CIFAR-100: 32x32 colour pictures, 50,000 + 10,000, 100 classes of 600 images.

Source: Krizhevsky, "Learning multiple layers of features from tiny images", 2009; its author states no licence and asks
to be cited. `data/raw/cifar100` may hold the author's binary archive, cifar-100-binary.tar.gz, or lossless images by
class, `train/<class>/*.png` and `test/<class>/*.png`, as folders or in one zip; where there is neither, the archive is
downloaded from the author's page. Folders of the 100 fine classes in alphabetical order are the author's fine labels.
Checked: what was read, from either form, by the sums below. They are of a lossless copy of the images by class, which
has the published counts and the mean and standard deviation that are published of the original's training images,
0.50707516, 0.48654887, 0.44091784 and 0.26733429, 0.25643846, 0.27615047, to all of these digits.
Split: images are in the order of the sha256 of their pixels, which does not depend on the files. The last 50 training
images of each class in it are for validation; the test set is the published one. 14 training and
2 test images have the pixels of another one there, mostly of another class; 10 test images are training images as well.
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
TRAIN = _cifar.Split(
    members=("cifar-100-binary/train.bin",),
    classes=CLASSES,
    each=500,
    sha256="0774179284d93ed68b79d89d3dc2ee7d18c2ca18b1e0be3ea1fbb6aba282dcf2",
    repeated=14,
)
TEST = _cifar.Split(
    members=("cifar-100-binary/test.bin",),
    classes=CLASSES,
    each=100,
    sha256="59e227415b5d2943041cf2ec0f2aa80eb0d0e512f32de24112c8e7c1310b8c46",
    repeated=2,
)
VALIDATION = 50  # of a class


def read(raw: Path) -> Splits:
    """The three parts, from `raw` or the network. The first label of an image in the archive is a coarse one of 20."""
    return _cifar.read(raw, SHA256, TRAIN, TEST, labels=2, held_out=VALIDATION)
