"""How good a network is on a part of a dataset."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.data.dataset import Part

BATCH = 1024


class Score(NamedTuple):
    accuracy: float  # fraction
    loss: float  # mean cross-entropy, nats
    classes: int  # how many different classes were predicted


def evaluate(net: nn.Module, part: Part) -> Score:
    """The score alone; see `classified`."""
    return classified(net, part)[0]


@torch.inference_mode()
def classified(net: nn.Module, part: Part) -> tuple[Score, Tensor]:
    """The score, and a bool per image: whether it is classified correctly. `net` is left in eval mode.

    Sums first, then divides: a mean of per-batch means is wrong on the last batch.
    """
    net.eval()
    predicted, losses = [], []
    for batch in part.batches(BATCH):
        logits = net(batch.images)
        losses.append(F.cross_entropy(logits.double(), batch.labels, reduction="sum"))
        predicted.append(logits.argmax(1))
    predictions = torch.cat(predicted)
    correct = predictions == part.labels
    loss = torch.stack(losses).sum().item() / len(part)
    return Score(correct.sum().item() / len(part), loss, len(predictions.unique())), correct
