"""MNIST: 28x28 grey handwritten digits, 60,000 + 10,000, 10 classes.

Source: LeCun, Cortes and Burges, "The MNIST database of handwritten digits", 1998; CC BY-SA 3.0. By torchvision's
download.
Split: the last 5,000 training images are for validation; the test set is the published one.
Normalisation: mean and standard deviation of the training images. Augmentation: shifted by up to 2 pixels; a
mirrored digit is another one, or none.
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
    "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}


def read(raw: Path) -> Splits:
    """The three parts, from `raw` or the network."""
    return _idx.read("MNIST", raw, raw, SHA256)
