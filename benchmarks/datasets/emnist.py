"""EMNIST, the balanced split: 28x28 grey handwritten digits and letters, 112,800 + 18,800, 47 classes.

Source: Cohen, Afshar, Tapson and van Schaik, "EMNIST: an extension of MNIST to handwritten letters", arXiv
1702.05373; made from NIST Special Database 19, free to use. One archive holds all six splits; this reads "balanced",
in which capital and small letters that look alike are one class. By torchvision's download.
Split: the last 18,800 training images are for validation, as many as the published test set has.
Normalisation: mean and standard deviation of the training images. Augmentation: shifted by up to 2 pixels.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

from benchmarks.data.dataset import Augment, Splits
from benchmarks.datasets import _files, _idx

CLASSES = 47
SHAPE = (1, 28, 28)
IMAGES = (94000, 18800, 18800)
AUGMENT = Augment(shift=2)
SHA256 = {"gzip.zip": "fb9bb67e33772a9cc0b895e4ecf36d2cf35be8b709693c3564cea2a019fcda8e"}
NAMES = [f"gzip/emnist-balanced-{part}-idx{kind}-ubyte.gz" for part in ("train", "test") for kind in ("3", "1")]
VALIDATION = 18800


def read(raw: Path) -> Splits:
    """The three parts, from `raw` or the network. The files hold the images transposed."""
    (path,) = _files.fetch(raw, _where, SHA256)
    with zipfile.ZipFile(path) as archive:
        tensors = [_idx.tensor(_files.member(archive, name), f"{name} in {path}") for name in NAMES]
    parts = _idx.split(tensors, VALIDATION)
    return {part: (images.transpose(2, 3).contiguous(), labels) for part, (images, labels) in parts.items()}


def _where(name: str) -> list[str]:
    from torchvision.datasets import EMNIST

    return [EMNIST.url]
