"""BN scale: the channels with the smallest |gamma| go, without a penalty before."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch_pruning.pruner.importance import BNScaleImportance

from benchmarks.training.trainer import Trainer
from methods import bn_scale, l1
from methods.core.api import Unsupported
from tests.kinds import KINDS, settled
from tests.methods.peer import assert_equal, handed_scores, library_scores


def test_a_small_scale_goes_however_large_its_filter(make_trainer: Callable[..., Trainer]) -> None:
    net = settled(KINDS["residual"]())
    layer, norm = net[1].first[:2]
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.weight.fill_(1)
        norm.weight[:4] = torch.tensor([1e-4, -1e-4, -5, 5])  # the sign does not count
        layer.weight[:2] *= 100
    keep = bn_scale.learn(net, make_trainer(net, target=0.9), bn_scale.Knobs())["1.first.0"]
    assert keep[:4].tolist() == [False, False, True, True]
    assert l1.learn(net, make_trainer(net, target=0.9), l1.Knobs())["1.first.0"][:2].all()


def test_by_default_scales_compare_over_the_whole_network(make_trainer: Callable[..., Trainer]) -> None:
    net = settled(KINDS["residual"]())
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.weight.fill_(3)
        net[1].first[1].weight.copy_(torch.linspace(0.1, 0.2, 16))
    everywhere = bn_scale.learn(net, make_trainer(net, target=0.8), bn_scale.Knobs())
    assert not everywhere["1.first.0"].all() and everywhere["2.first.0"].all()
    assert not bn_scale.learn(net, make_trainer(net, target=0.8), bn_scale.Knobs(ranking="uniform"))["2.first.0"].all()


@pytest.mark.parametrize("kind", ["residual", "depthwise"])
def test_it_agrees_with_torch_pruning_on_every_group(kind: str, make_trainer: Callable[..., Trainer]) -> None:
    net = settled(KINDS[kind]())
    trainer = make_trainer(net, target=0.5)
    assert any(len(g.norms) > 1 for g in trainer.groups)
    assert_equal(
        handed_scores(bn_scale, net, trainer), library_scores(BNScaleImportance(normalizer=None), net, trainer)
    )


@pytest.mark.parametrize("affine", [True, False])
def test_channels_without_a_scale_are_refused(affine: bool, make_trainer: Callable[..., Trainer]) -> None:
    net = KINDS["plain"]()
    if not affine:
        net = nn.Sequential(
            nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8, affine=False), nn.ReLU(), nn.Flatten(), nn.Linear(288, 2)
        )
    with pytest.raises(Unsupported, match=r"the channels of \d have no normalisation"):
        bn_scale.learn(net, make_trainer(net, target=0.5), bn_scale.Knobs())
