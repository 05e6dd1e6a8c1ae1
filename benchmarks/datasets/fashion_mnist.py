"""Fashion-MNIST: 28x28 grey pictures of clothes, 60,000 + 10,000, 10 classes.

Source: Xiao, Rasul and Vollgraf, arXiv 1708.07747; MIT licence. The files are taken from the data folder, from
Debian's package dataset-fashion-mnist, or by torchvision's download, in this order.
Split: the last 5,000 training images are for validation; the test set is the published one.
Normalisation: mean and standard deviation of the training images. Augmentation: mirrored, and shifted by up to 2
pixels.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.data.dataset import Augment, Splits
from benchmarks.datasets import _idx

CLASSES = 10
SHAPE = (1, 28, 28)
IMAGES = (55000, 5000, 10000)
AUGMENT = Augment(shift=2, flip=True)
SYSTEM = Path("/usr/share/datasets/fashion-mnist")
SHA256 = {
    "train-images-idx3-ubyte.gz": "b0564c3eedabfbf835052cff8503ea422014ce006caf5b757f851416ee8300c7",
    "train-labels-idx1-ubyte.gz": "0ae29f65d86684f32d1b9c85147786c547b9c6aebcaf235f0400a0cce308b056",
    "t10k-images-idx3-ubyte.gz": "cc1d090a38ace84dfa1aa66e3ada7c336ef481a96936906477e6dd344da56eaa",
    "t10k-labels-idx1-ubyte.gz": "8d3605d196f4be44669e46906da9733c8131fef761fdbfec72c424d5222f1a05",
}


def read(raw: Path) -> Splits:
    """The three parts, from `raw`, the system's folder, or the network."""
    return _idx.read("FashionMNIST", raw, SYSTEM, SHA256)
