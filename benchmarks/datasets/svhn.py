"""SVHN, cropped: 32x32 colour pictures of house numbers' digits, 73,257 + 26,032, 10 classes.

Source: Netzer, Wang, Coates, Bissacco, Wu and Ng, "Reading digits in natural images with unsupervised feature
learning", 2011; for non-commercial use only. By torchvision's download. The 531,131 easier images called "extra" are
not used.
Split: the last 5,000 training images are for validation; the test set is the published one.
Normalisation: mean and standard deviation of the training images, a channel. Augmentation: none, as in the
literature; a mirrored digit is another one, or none.
"""

from __future__ import annotations

from pathlib import Path

import torch

from benchmarks.data.dataset import Augment, Splits
from benchmarks.datasets import _files

CLASSES = 10
SHAPE = (3, 32, 32)
IMAGES = (68257, 5000, 26032)
AUGMENT = Augment()
SHA256 = {
    "train_32x32.mat": "435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8",
    "test_32x32.mat": "cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b",
}
VALIDATION = 5000


def read(raw: Path) -> Splits:
    """The three parts, from `raw` or the network."""
    (images, labels), test = (_tensors(path) for path in _files.fetch(raw, _where, SHA256))
    return {
        "train": (images[:-VALIDATION], labels[:-VALIDATION]),
        "validation": (images[-VALIDATION:], labels[-VALIDATION:]),
        "test": test,
    }


def _tensors(path: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """X is [32, 32, 3, n]; y calls the digit 0 ten."""
    from scipy.io import loadmat

    file = loadmat(path, variable_names=("X", "y"))
    images = torch.from_numpy(file["X"]).permute(3, 2, 0, 1).contiguous()
    return images, torch.from_numpy(file["y"]).long().flatten() % 10


def _where(name: str) -> list[str]:
    from torchvision.datasets import SVHN

    return [url for url, file, _ in SVHN.split_list.values() if file == name]
