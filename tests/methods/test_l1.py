"""L1: the filters with the smallest sum of absolute weights go."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from benchmarks.training.trainer import Trainer
from methods import l1
from tests.kinds import KINDS, settled


def hand_made() -> nn.Module:
    """Two hidden layers of 100; the second's weights are all larger than the first's."""
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 100), nn.ReLU(), nn.Linear(100, 100), nn.ReLU(), nn.Linear(100, 2))
    with torch.no_grad():
        net[1].weight.copy_(torch.arange(1.0, 101)[:, None].expand(100, 64) * 1e-3)
        net[1].weight[:, ::2] *= -1  # the sign does not count
        net[3].weight.copy_(torch.arange(100.0, 0, -1)[:, None].expand(100, 100))
    return net


def test_every_group_loses_the_same_share_of_its_smallest_filters(make_trainer: Callable[..., Trainer]) -> None:
    net = hand_made()
    keep = l1.learn(net, make_trainer(net, target=0.5), l1.Knobs(ranking="uniform"))
    first, second = int(keep["1"].sum()), int(keep["3"].sum())
    assert abs(first - second) <= 1 and first < 90
    assert torch.equal(keep["1"], torch.arange(100) >= 100 - first)
    assert torch.equal(keep["3"], torch.arange(100) < second)


def test_by_one_threshold_the_layer_of_small_filters_loses_them(make_trainer: Callable[..., Trainer]) -> None:
    net = hand_made()
    keep = l1.learn(net, make_trainer(net, target=0.5), l1.Knobs(ranking="global"))
    assert keep["3"].all()
    assert torch.equal(keep["1"], torch.arange(100) >= 100 - keep["1"].sum())


def test_it_is_the_sum_of_absolute_values_and_not_of_squares(make_trainer: Callable[..., Trainer]) -> None:
    """Filters of one large weight have the larger squares; those of many small ones the larger sum."""
    net = hand_made()
    with torch.no_grad():
        net[1].weight.zero_()
        net[1].weight[:50, 0] = 2
        net[1].weight[50:] = 0.1
    keep = l1.learn(net, make_trainer(net, target=0.5), l1.Knobs())
    assert keep["1"][50:].all()
    assert not keep["1"][:50].all()


def test_it_trains_nothing_itself(make_trainer: Callable[..., Trainer]) -> None:
    net = settled(KINDS["residual"]())
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    trainer = make_trainer(net, target=0.5)
    l1.learn(net, trainer, l1.Knobs())
    assert trainer.step == 0
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
