"""CHIP: the channels whose feature maps depend on those of the others go."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.training.trainer import Trainer
from methods import chip, l1
from tests.kinds import KINDS, settled
from tests.methods.peer import handed_scores, two_layers


def test_independence_by_hand() -> None:
    """Two channels alone in their directions, two that share one: the latter lose sqrt(2) - 1 each."""
    maps = torch.zeros(1, 4, 1, 1, 3)
    maps[0, 0, 0, 0, 0] = maps[0, 1, 0, 0, 1] = maps[0, 2:, 0, 0, 2] = 1
    expected = torch.tensor([1, 1, math.sqrt(2) - 1, math.sqrt(2) - 1])
    torch.testing.assert_close(chip.independence(maps), expected)


@given(seed=st.integers(0, 10_000), size=st.integers(1, 9), side=st.integers(1, 4), k=st.integers(1, 2))
def test_it_is_what_the_nuclear_norm_loses_without_the_channel(seed: int, size: int, side: int, k: int) -> None:
    """More channels than pixels, or fewer."""
    maps = torch.randn(3, size, k, side, side, generator=torch.Generator().manual_seed(seed))
    expected = torch.zeros(size)
    for image in maps.flatten(2):
        for channel in range(size):
            masked = image.clone()
            masked[channel] = 0
            expected[channel] += torch.linalg.matrix_norm(image, "nuc") - torch.linalg.matrix_norm(masked, "nuc")
    torch.testing.assert_close(chip.independence(maps), expected, rtol=1e-3, atol=1e-4)


def test_large_filters_that_are_copies_of_each_other_rank_lowest(make_trainer: Callable[..., Trainer]) -> None:
    """Every filter picks another pixel of its window, but for two that pick the same, and are larger."""
    net = settled(KINDS["plain"]())
    with torch.no_grad():
        net[0].weight.zero_()
        net[0].bias.zero_()
        net[0].weight.view(8, 9)[torch.arange(8), torch.arange(8)] = 1
        net[0].weight[1] = net[0].weight[0]
        net[0].weight[:2] *= 1.1
    scores = handed_scores(chip, net, make_trainer(net, target=0.5))["0"]
    assert sorted(scores.argsort()[:2].tolist()) == [0, 1]
    sums = handed_scores(l1, net, make_trainer(net, target=0.5))["0"]
    assert sorted(sums.argsort()[-2:].tolist()) == [0, 1]


def test_of_linear_units_the_least_active_rank_lowest(make_trainer: Callable[..., Trainer]) -> None:
    net = two_layers()
    with torch.no_grad():
        net[1].bias[7] = -1e3
    scores = handed_scores(chip, net, make_trainer(net, target=0.5))["1"]
    assert scores[7] == pytest.approx(0, abs=1e-3)
    assert (scores > 0.01).sum() > 90


def test_the_decompositions_are_charged(make_trainer: Callable[..., Trainer]) -> None:
    """Of each image and each layer: one R where there are more pixels than channels, and a nuclear norm a channel more
    than there are. The residual network's five gated layers see 64 pixels and have 12 or 16 channels."""
    net = settled(KINDS["residual"]())
    trainer = make_trainer(net, target=0.5)
    chip.learn(net, trainer, chip.Knobs(batches=1))
    trained = 3 * 32 * trainer.image_macs
    sizes = [group.size for group in trainer.groups for _ in group.gates]
    decomposed = sum(s**2 * (64 - s / 3) + (s + 1) * 4 / 3 * s**3 for s in sizes)
    assert trainer.spent["learn"].macs == pytest.approx(trained + 32 * decomposed)


def test_it_trains_nothing_and_leaves_no_hook(make_trainer: Callable[..., Trainer]) -> None:
    net = settled(KINDS["residual"]())
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    trainer = make_trainer(net, epochs=20, target=0.5)
    chip.learn(net, trainer, chip.Knobs())
    assert trainer.step == 5
    assert not any(module._forward_hooks for module in net.modules())
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
