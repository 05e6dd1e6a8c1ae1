"""Scores of a network on a part of a dataset."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.data.dataset import Part
from benchmarks.training import evaluate


def as_it_is(images: Tensor, labels: Tensor) -> Part:
    """A part whose normalisation changes nothing."""
    return Part(images, labels, torch.zeros(1, 1, 1, 1), torch.ones(1, 1, 1, 1))


@pytest.mark.parametrize("batch", [1, 4, 7, 10, 1024])
def test_an_uneven_last_batch_counts_by_its_images(batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mean of per-batch means would give the last image of 10 in batches of 4 or 7 another weight."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 255, (10, 1, 4, 4), generator=generator, dtype=torch.uint8)
    part = Part(
        images, torch.randint(0, 3, (10,), generator=generator), torch.zeros(1, 1, 1, 1), torch.ones(1, 1, 1, 1)
    )
    net = nn.Sequential(nn.Flatten(), nn.Linear(16, 3))
    nn.init.normal_(net[1].weight, 0, 0.01, generator=generator)
    monkeypatch.setattr(evaluate, "BATCH", batch)
    score = evaluate.evaluate(net, part)
    with torch.no_grad():
        logits = net(images.float())
    assert score.accuracy == (logits.argmax(1) == part.labels).sum().item() / 10
    assert score.loss == pytest.approx(F.cross_entropy(logits.double(), part.labels).item(), rel=1e-6)
    assert score.classes == len(logits.argmax(1).unique())


def test_norms_use_their_running_statistics() -> None:
    """Scored in eval mode, and left there: the batch's own statistics would leak between images."""
    part = Part(
        torch.full((4, 1, 1, 1), 10, dtype=torch.uint8),
        torch.tensor([0, 0, 1, 1]),
        torch.zeros(1, 1, 1, 1),
        torch.ones(1, 1, 1, 1),
    )
    norm = nn.BatchNorm2d(1)
    net = nn.Sequential(norm, nn.Flatten(), nn.Linear(1, 2)).train()
    evaluate.evaluate(net, part)
    assert not net.training
    assert norm.running_mean.item() == 0


def test_a_network_that_says_one_class_for_all_is_seen() -> None:
    part = Part(
        torch.zeros(4, 1, 1, 1, dtype=torch.uint8),
        torch.tensor([0, 0, 1, 1]),
        torch.zeros(1, 1, 1, 1),
        torch.ones(1, 1, 1, 1),
    )
    score = evaluate.evaluate(nn.Sequential(nn.Flatten(), nn.Linear(1, 2)), part)
    assert (score.classes, score.accuracy) == (1, 0.5)
