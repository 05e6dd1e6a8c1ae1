"""L2: the filters with the smallest Euclidean norm go."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch_pruning.pruner.importance import MagnitudeImportance

from benchmarks.training.trainer import Trainer
from methods import l1, l2
from tests.kinds import KINDS, settled
from tests.methods.peer import assert_equal, bare, handed_scores, library_scores, two_layers


def test_a_filter_of_one_large_weight_stays_where_the_sum_of_absolute_values_would_remove_it(
    make_trainer: Callable[..., Trainer],
) -> None:
    net = two_layers()
    with torch.no_grad():
        net[1].weight.zero_()
        net[1].weight[:50, 0] = 2  # norm 2, sum 2
        net[1].weight[50:] = 0.1  # norm 0.8, sum 6.4
    keep = l2.learn(net, make_trainer(net, target=0.5), l2.Knobs())
    assert keep["1"][:50].all() and not keep["1"][50:].all()
    by_sum = l1.learn(net, make_trainer(net, target=0.5), l1.Knobs())
    assert by_sum["1"][50:].all() and not by_sum["1"][:50].all()


def test_by_one_threshold_the_layer_of_small_filters_loses_them(make_trainer: Callable[..., Trainer]) -> None:
    net = two_layers()
    with torch.no_grad():
        net[1].weight.mul_(1e-3)
    assert l2.learn(net, make_trainer(net, target=0.5), l2.Knobs(ranking="global"))["3"].all()
    assert not l2.learn(net, make_trainer(net, target=0.5), l2.Knobs())["3"].all()


def test_it_agrees_with_torch_pruning_on_a_plain_network(make_trainer: Callable[..., Trainer]) -> None:
    net = settled(bare())
    trainer = make_trainer(net, target=0.5)
    theirs = library_scores(MagnitudeImportance(p=2, group_reduction="first", normalizer=None), net, trainer)
    assert_equal({name: score.square() for name, score in handed_scores(l2, net, trainer).items()}, theirs)


def test_a_stream_is_scored_over_all_of_its_writers(make_trainer: Callable[..., Trainer]) -> None:
    net = settled(KINDS["residual"]())
    trainer = make_trainer(net, target=0.5)
    group = next(g for g in trainer.groups if len(g.writers) == 3)
    squares = [net.get_submodule(s.module).weight.detach().square().sum((1, 2, 3)) for s in group.writers]
    assert torch.allclose(handed_scores(l2, net, trainer)[group.name], torch.stack(squares).sum(0).sqrt())
