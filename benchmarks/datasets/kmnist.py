"""KMNIST: 28x28 grey cursive Japanese characters, 60,000 + 10,000, 10 classes; harder than MNIST, of the same size.

Source: Clanuwat, Bober-Irizar, Kitamoto, Lamb, Yamamoto and Ha, "Deep learning for classical Japanese literature",
arXiv 1812.01718; CC BY-SA 4.0. By torchvision's download.
Split: the last 5,000 training images are for validation; the test set is the published one.
Normalisation: mean and standard deviation of the training images. Augmentation: shifted by up to 2 pixels.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.data.dataset import Augment, Splits
from benchmarks.datasets import _idx

CLASSES = 10
SHAPE = (1, 28, 28)
IMAGES = (55000, 5000, 10000)
AUGMENT = Augment(shift=2)
SHA256 = {
    "train-images-idx3-ubyte.gz": "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
    "train-labels-idx1-ubyte.gz": "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
    "t10k-images-idx3-ubyte.gz": "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
    "t10k-labels-idx1-ubyte.gz": "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
}


def read(raw: Path) -> Splits:
    """The three parts, from `raw` or the network."""
    return _idx.read("KMNIST", raw, raw, SHA256)
