"""HRank: the filters whose feature maps have the lowest rank go."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from benchmarks.training.trainer import Trainer
from methods import hrank, l1
from tests.kinds import KINDS, settled
from tests.methods.peer import handed_scores, two_layers


def test_ranks_of_hand_made_maps() -> None:
    """Channels of full rank, of rank 1 and of zeros, in two maps each; then ten images of which half are zero."""
    full, flat, zero = torch.eye(4), torch.ones(4, 4), torch.zeros(4, 4)
    maps = torch.stack([torch.stack([m, m]) for m in (full, flat, zero)])[None]
    assert hrank.ranks(maps).tolist() == [8, 2, 0]
    images = torch.cat([maps.expand(5, -1, -1, -1, -1), 0 * maps.expand(5, -1, -1, -1, -1)])
    assert hrank.ranks(images).tolist() == [40, 10, 0]


def test_a_large_filter_that_is_never_active_goes(make_trainer: Callable[..., Trainer]) -> None:
    net = settled(KINDS["plain"]())
    with torch.no_grad():
        net[0].weight[0] *= 10
        net[0].bias[0] = -1e4
    keep = hrank.learn(net, make_trainer(net, target=0.8), hrank.Knobs())
    assert not keep["0"][0]
    assert l1.learn(net, make_trainer(net, target=0.8), l1.Knobs())["0"][0]


def test_a_filter_of_flat_maps_ranks_below_one_of_varied_maps(make_trainer: Callable[..., Trainer]) -> None:
    net = settled(KINDS["plain"]())
    with torch.no_grad():
        net[0].weight[3] = 0
        net[0].bias[3] = 100
    scores = handed_scores(hrank, net, make_trainer(net, target=0.5))["0"]
    assert scores[3] == 32, "rank 1 in each of 32 images"
    assert scores.argmin() == 3


def test_linear_units_rank_by_how_often_they_are_active(make_trainer: Callable[..., Trainer]) -> None:
    net = two_layers()
    with torch.no_grad():
        net[1].weight[:3] = 0
        net[1].bias[:3] = torch.tensor([-1.0, 0.0, 1.0])
    scores = handed_scores(hrank, net, make_trainer(net, target=0.5))["1"]
    assert scores[:3].tolist() == [0, 0, 32]
    assert ((scores >= 0) & (scores <= 32)).all() and len(scores.unique()) > 3


def test_the_decompositions_are_charged(make_trainer: Callable[..., Trainer]) -> None:
    """The singular values of every 8 x 8 map of every image."""
    net = settled(KINDS["residual"]())
    trainer = make_trainer(net, target=0.5)
    hrank.learn(net, trainer, hrank.Knobs(batches=1))
    maps = sum(group.size * len(group.gates) for group in trainer.groups)
    assert trainer.spent["learn"].macs == pytest.approx(32 * (3 * trainer.image_macs + maps * 4 / 3 * 8**3))


def test_it_trains_nothing_and_leaves_no_hook(make_trainer: Callable[..., Trainer]) -> None:
    net = settled(KINDS["residual"]())
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    trainer = make_trainer(net, epochs=20, target=0.5)
    hrank.learn(net, trainer, hrank.Knobs())
    assert trainer.step == 4
    assert not any(module._forward_hooks for module in net.modules())
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
