"""Handwritten digits, 8x8 grey, 1,797 images, 10 classes.

Source: the test part of "Optical Recognition of Handwritten Digits" (Alpaydin and Kaynak, 1998, UCI Machine
Learning Repository, CC BY 4.0), as it comes with scikit-learn: no download.
Split: it has none of its own. 500 test and 250 validation images, stratified by class, by a fixed seed.
Normalisation: mean and standard deviation of the training images. Augmentation: none.
"""

from __future__ import annotations

from pathlib import Path

import torch

from benchmarks.data.dataset import Augment, Splits

CLASSES = 10
SHAPE = (1, 8, 8)
IMAGES = (1047, 250, 500)
AUGMENT = Augment()  # a shift by one of eight pixels costs two points of validation accuracy


def read(raw: Path) -> Splits:
    """The three parts; `raw` is not used."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits = load_digits()
    images = torch.from_numpy(digits.images * (255 / 16)).round().to(torch.uint8)[:, None]  # 17 grey levels
    labels = torch.from_numpy(digits.target)

    def split(indices: torch.Tensor, held_out: int) -> list[torch.Tensor]:
        parts = train_test_split(indices.numpy(), test_size=held_out, stratify=labels[indices], random_state=0)
        return [torch.from_numpy(part) for part in parts]

    rest, test = split(torch.arange(len(labels)), 500)
    train, validation = split(rest, 250)
    chosen = {"train": train, "validation": validation, "test": test}
    return {part: (images[at], labels[at]) for part, at in chosen.items()}
