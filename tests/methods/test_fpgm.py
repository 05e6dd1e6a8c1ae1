"""FPGM: the filters nearest to all others go, however large they are."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch_pruning.pruner.importance import FPGMImportance

from benchmarks.training.trainer import Trainer
from methods import fpgm, l1
from tests.kinds import KINDS, settled
from tests.methods.peer import assert_equal, bare, handed_scores, library_scores, two_layers


def on_a_line() -> torch.nn.Module:
    """Filter i of the first layer has all of its weights at i."""
    net = two_layers()
    with torch.no_grad():
        net[1].weight.copy_(torch.arange(1.0, 101)[:, None].expand(100, 64))
    return net


def test_filters_in_the_middle_go_and_the_smallest_stay(make_trainer: Callable[..., Trainer]) -> None:
    net = on_a_line()
    keep = fpgm.learn(net, make_trainer(net, target=0.5), fpgm.Knobs())["1"]
    gone = (~keep).nonzero().flatten()
    assert len(gone) > 20
    assert torch.equal(gone, torch.arange(gone[0], gone[-1] + 1)), "one stretch"
    assert abs(gone.float().mean() - 49.5) <= 1
    assert keep[0] and not l1.learn(net, make_trainer(net, target=0.5), l1.Knobs())["1"][0]


def test_of_a_mix_a_quarter_goes_by_the_norm(make_trainer: Callable[..., Trainer]) -> None:
    net = on_a_line()
    keep = fpgm.learn(net, make_trainer(net, target=0.5), fpgm.Knobs(norm=0.25))["1"]
    small = int((~keep[:20]).sum())
    assert torch.equal(keep[:small], torch.zeros(small, dtype=torch.bool))
    assert small == pytest.approx((~keep).sum().item() / 4, abs=1)


def test_turns_by_hand() -> None:
    by_distance, by_norm = torch.tensor([0.0, 1, 2, 3, 4, 5]), torch.tensor([5.0, 4, 3, 2, 1, 0])
    assert fpgm.in_turn(by_distance, by_norm, 0.0).tolist() == [0, 1, 2, 3, 4, 5]
    assert fpgm.in_turn(by_distance, by_norm, 0.5).tolist() == [0, 2, 4, 5, 3, 1]
    assert fpgm.in_turn(by_distance, by_norm, 1.0).tolist() == [5, 4, 3, 2, 1, 0]


@given(seed=st.integers(0, 10_000), size=st.integers(1, 40))
def test_distances_are_those_to_every_other_filter_and_do_not_depend_on_where_zero_is(seed: int, size: int) -> None:
    weights = torch.randn(size, 7, generator=torch.Generator().manual_seed(seed))
    expected = torch.stack([(weights - one).norm(dim=1).sum() for one in weights])
    torch.testing.assert_close(fpgm.distances(weights), expected)
    torch.testing.assert_close(fpgm.distances(weights + 3), expected, rtol=1e-4, atol=1e-4)


def test_a_stream_is_one_vector_of_the_weights_of_all_its_writers(make_trainer: Callable[..., Trainer]) -> None:
    net = settled(KINDS["residual"]())
    trainer = make_trainer(net, target=0.5)
    group = next(g for g in trainer.groups if len(g.writers) == 3)
    weights = [net.get_submodule(s.module).weight.detach().flatten(1) for s in group.writers]
    apart = torch.stack([(w[:, None] - w[None]).square().sum(2) for w in weights]).sum(0).sqrt().sum(1)
    torch.testing.assert_close(handed_scores(fpgm, net, trainer)[group.name], apart)


def test_it_agrees_with_torch_pruning_where_no_weight_is_negative(make_trainer: Callable[..., Trainer]) -> None:
    net = settled(bare())
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.abs_()
    trainer = make_trainer(net, target=0.5)
    theirs = library_scores(FPGMImportance(p=1, group_reduction="first", normalizer=None), net, trainer)
    assert_equal(handed_scores(fpgm, net, trainer), theirs)


@pytest.mark.parametrize("p", [1, 2])
def test_torch_pruning_takes_a_filter_and_its_negative_for_the_same(
    p: int, make_trainer: Callable[..., Trainer]
) -> None:
    """It measures distances between |weight|^p: opposite filters, which are far apart, would go first."""
    net = settled(bare())
    with torch.no_grad():
        net[0].weight[1::2] = -net[0].weight[0]
        net[0].weight[::2] = net[0].weight[0]
    trainer = make_trainer(net, target=0.5)
    theirs = library_scores(FPGMImportance(p=p, group_reduction="first", normalizer=None), net, trainer)
    assert theirs["0"].abs().max() < 1e-5
    expected = 4 * 2 * net[0].weight[0].detach().norm()
    torch.testing.assert_close(handed_scores(fpgm, net, trainer)["0"], expected.expand(8))
