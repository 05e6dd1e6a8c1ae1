"""LAMP: magnitudes relative to what is left of their layer."""

from __future__ import annotations

from collections.abc import Callable

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch_pruning.pruner.importance import LAMPImportance

from benchmarks.training.trainer import Trainer
from methods import l1, lamp
from tests.kinds import KINDS, settled
from tests.methods.peer import assert_equal, bare, handed_scores, library_scores, two_layers


def test_scores_by_hand() -> None:
    expected = torch.tensor([4 / 13, 1 / 14, 1.0])
    torch.testing.assert_close(lamp.lamp(torch.tensor([4.0, 1.0, 9.0])), expected)


@given(seed=st.integers(0, 10_000), scale=st.floats(1e-6, 1e6))
def test_a_layers_scale_does_not_count_and_its_order_stays(seed: int, scale: float) -> None:
    squares = torch.rand(30, generator=torch.Generator().manual_seed(seed))
    scores = lamp.lamp(squares)
    assert torch.equal(scores.argsort(), squares.argsort())
    assert scores.min() >= 0 and scores.max() == 1
    torch.testing.assert_close(lamp.lamp(scale * squares), scores, rtol=1e-4, atol=1e-6)


def test_a_dead_layer_has_finite_scores() -> None:
    assert lamp.lamp(torch.zeros(4)).isfinite().all()


def test_across_two_layers_of_different_scale_it_removes_from_both(make_trainer: Callable[..., Trainer]) -> None:
    """By one threshold on the norm the layer of small filters would lose all that go."""
    net = two_layers()
    unscaled = lamp.learn(net, make_trainer(net, target=0.5), lamp.Knobs())
    with torch.no_grad():
        net[1].weight.mul_(1e-3)
    keep = lamp.learn(net, make_trainer(net, target=0.5), lamp.Knobs())
    assert all(torch.equal(keep[name], unscaled[name]) for name in keep)
    assert not keep["1"].all() and not keep["3"].all()
    assert l1.learn(net, make_trainer(net, target=0.5), l1.Knobs(ranking="global"))["3"].all()


def test_a_layer_with_a_few_large_filters_loses_more_than_one_of_equal_filters(
    make_trainer: Callable[..., Trainer],
) -> None:
    net = two_layers()
    with torch.no_grad():
        net[1].weight.fill_(1.0)
        net[3].weight.fill_(1.0)
        net[3].weight[:10] = 100
    keep = lamp.learn(net, make_trainer(net, target=0.5), lamp.Knobs())
    assert keep["3"][:10].all()
    assert keep["3"].sum() < 0.6 * keep["1"].sum()


def test_it_agrees_with_torch_pruning_on_a_plain_network(make_trainer: Callable[..., Trainer]) -> None:
    net = settled(bare())
    trainer = make_trainer(net, target=0.5)
    assert_equal(
        handed_scores(lamp, net, trainer), library_scores(LAMPImportance(group_reduction="first"), net, trainer)
    )


def test_a_stream_is_scored_over_all_of_its_writers(make_trainer: Callable[..., Trainer]) -> None:
    net = settled(KINDS["residual"]())
    trainer = make_trainer(net, target=0.5)
    group = next(g for g in trainer.groups if len(g.writers) == 3)
    squares = [net.get_submodule(s.module).weight.detach().square().sum((1, 2, 3)) for s in group.writers]
    expected = lamp.lamp(torch.stack(squares).sum(0))
    torch.testing.assert_close(handed_scores(lamp, net, trainer)[group.name], expected)
