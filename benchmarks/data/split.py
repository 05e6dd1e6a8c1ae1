"""`split: seed`: training and validation images drawn anew for every seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from benchmarks.data.dataset import Part
from benchmarks.data.stream import Stream

DRAWN = ("train", "validation")


def drawn_anew(parts: Mapping[str, Part], seed: int) -> dict[str, Part]:
    """Both parts drawn from the images of both, with as many of each class as before; other parts are left out.

    The draw is made on the CPU and is the same on every device. Images keep their order, training before validation.
    Normalisation stays that of the published split, since the test images are normalised with it.
    Raises ValueError if the images are streamed from disk, of which no copy is made.
    """
    train, validation = (parts[name] for name in DRAWN)
    if isinstance(train, Stream):
        raise ValueError(f"split is 'seed', and {train.path} is streamed from disk; allowed there: 'fixed'")
    images = torch.cat([train.images, validation.images])
    labels = torch.cat([train.labels, validation.labels])
    chosen = _chosen(labels.cpu(), len(train), torch.Generator().manual_seed(seed)).to(labels.device)
    return {
        name: replace(parts[name], images=images[at], labels=labels[at])
        for name, at in zip(DRAWN, (chosen, ~chosen), strict=True)
    }


def _chosen(labels: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Which images [n] are for training: of each class as many as are among the first `count`."""
    chosen = torch.zeros(len(labels), dtype=torch.bool)
    for label in labels.unique():
        of_class = (labels == label).nonzero().flatten()
        order = torch.randperm(len(of_class), generator=generator)
        chosen[of_class[order[: int((labels[:count] == label).sum())]]] = True
    return chosen
