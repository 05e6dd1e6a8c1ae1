"""Soft filter pruning: filters are set to zero and may grow back."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from benchmarks.training.trainer import Trainer
from methods import soft_filter
from methods.core.api import Keep, Unsupported
from methods.core.ranking import keep_by_rank, writer_norm
from tests.kinds import KINDS, settled


def filters(net: nn.Module, trainer: Trainer, keep: Keep) -> list[Tensor]:
    """[removed, inputs, ...] of every writer: the filters that `keep` leaves out."""
    modules = dict(net.named_modules())
    return [
        modules[site.module].weight[site.index[~keep[group.name]].flatten()]
        for group in trainer.groups
        for site in group.writers
    ]


def soft_pruned(
    make_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch, of: str = "residual"
) -> tuple[nn.Module, Trainer, list[tuple[nn.Module, Keep]]]:
    """A run, and the network and the choice behind each of its prunings."""
    net = settled(KINDS[of]())
    trainer = make_trainer(net, target=0.5)
    prunings = []
    zero = soft_filter._zero
    monkeypatch.setattr(
        soft_filter,
        "_zero",
        lambda net, groups, keep: (zero(net, groups, keep), prunings.append((copy.deepcopy(net), keep))),
    )
    soft_filter.learn(net, trainer, soft_filter.Knobs(share=1.0))
    return net, trainer, prunings


@pytest.mark.parametrize("of", ["residual", "depthwise", "plain"])
def test_the_filters_that_go_are_zero_behind_every_pruning(
    of: str, make_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, trainer, prunings = soft_pruned(make_trainer, monkeypatch, of)
    assert len(prunings) == 5, "one before the first epoch, as in the authors' code, and one behind each"
    for pruned, keep in prunings:
        gone = filters(pruned, trainer, keep)
        assert sum(len(f) for f in gone) > 0
        assert not any(f.any() for f in gone)
        assert all(f.any() for f in filters(pruned, trainer, {name: ~mask for name, mask in keep.items()}))


def test_the_norms_are_not_touched(make_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, prunings = soft_pruned(make_trainer, monkeypatch)
    for pruned, _ in prunings:
        assert all(m.weight.all() and m.bias.any() for m in pruned.modules() if isinstance(m, nn.BatchNorm2d))


def test_filters_that_are_zero_get_a_gradient(make_trainer: Callable[..., Trainer]) -> None:
    """Where the norm behind them has a positive bias; behind a negative one ReLU lets none through."""
    net = settled(KINDS["residual"]()).train()
    for norm in (m for m in net.modules() if isinstance(m, nn.BatchNorm2d)):
        nn.init.uniform_(norm.bias, 0.1, 0.5)
    trainer = make_trainer(net, target=0.5)
    keep = {g.name: torch.arange(g.size) < g.size // 2 for g in trainer.groups}
    soft_filter._zero(net, trainer.groups, keep)
    batch = next(iter(trainer.data["train"].batches(32)))
    nn.functional.cross_entropy(net(batch.images), batch.labels).backward()
    modules = dict(net.named_modules())
    for group in trainer.groups:
        for site in group.writers:
            gradients = modules[site.module].weight.grad[site.index[~keep[group.name]].flatten()]
            assert (gradients.flatten(1).abs().amax(1) > 0).float().mean() > 0.5, site.module


def test_filters_grow_back_until_the_next_pruning(make_trainer: Callable[..., Trainer]) -> None:
    net = settled(KINDS["residual"]())
    trainer = make_trainer(net, target=0.5)
    trainer.fit(net, 1)
    keep = {g.name: torch.arange(g.size) < g.size // 2 for g in trainer.groups}
    soft_filter._zero(net, trainer.groups, keep)
    assert not any(f.any() for f in filters(net, trainer, keep))
    trainer.fit(net, 1)
    assert all(f.any() for f in filters(net, trainer, keep))


def test_pruned_before_the_first_epoch_they_stay_zero_while_biases_begin_at_zero(
    make_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the authors' code does from scratch; the filters' norms at the start are the whole choice."""
    choices = {}
    for initially in (True, False):
        torch.manual_seed(0)
        net, seen = KINDS["residual"](), []
        monkeypatch.setattr(
            soft_filter, "keep_by_rank", lambda *a, seen=seen: seen.append(keep_by_rank(*a)) or seen[-1]
        )
        soft_filter.learn(net, make_trainer(net, target=0.5), soft_filter.Knobs(share=1.0, initially=initially))
        choices[initially] = [{name: mask.tolist() for name, mask in keep.items()} for keep in seen[1:]]
    assert len(choices[True]) == 5 and len(choices[False]) == 4
    assert all(choice == choices[True][0] for choice in choices[True])
    assert choices[False][0] != choices[False][-1]


def test_a_zero_filter_comes_back_the_longest_of_all(make_trainer: Callable[..., Trainer]) -> None:
    """Why the paper's algorithm fares badly at a high rate: its norm multiplies the gradient by 1 / sqrt(eps)."""
    net = settled(KINDS["residual"]())
    trainer = make_trainer(net, target=0.5)
    trainer.fit(net, 1)
    soft_filter._zero(net, trainer.groups, {g.name: torch.arange(g.size) > 0 for g in trainer.groups})
    before = [writer_norm(net, g, p=2)[1:].max() for g in trainer.groups]
    trainer.fit(net, 1)
    back = [writer_norm(net, g, p=2)[0] for g in trainer.groups]
    assert max(b / o for b, o in zip(back, before, strict=True)) > 1.5


def test_a_target_that_cannot_be_met_is_refused_before_training(make_trainer: Callable[..., Trainer]) -> None:
    net = settled(KINDS["residual"]())
    trainer = make_trainer(net, target=0.001)
    with pytest.raises(Unsupported, match=r"^cannot keep 0\.1% of the MACs"):
        soft_filter.learn(net, trainer, soft_filter.Knobs())
    assert trainer.step == 0


@pytest.mark.decides
def test_the_last_choice_is_the_answer(make_trainer: Callable[..., Trainer]) -> None:
    net = settled(KINDS["residual"]())
    trainer = make_trainer(net, target=0.5)
    keep = soft_filter.learn(net, trainer, soft_filter.Knobs(share=1.0))
    assert not any(f.any() for f in filters(net, trainer, keep))


@pytest.mark.timeout(20)
@pytest.mark.parametrize(("share", "every"), [(0.6, 1.0), (0.5, 0.5), (1.0, 0.5), (0.55, 0.1), (0.1, 1.0)])
def test_it_ends_where_the_share_is_no_whole_number_of_steps(
    make_trainer: Callable[..., Trainer], share: float, every: float
) -> None:
    net = KINDS["plain"]()
    trainer = make_trainer(net, epochs=3, target=0.5)
    keep = soft_filter.learn(net, trainer, soft_filter.Knobs(share=share, every=every))
    assert set(keep) == {g.name for g in trainer.groups}
    assert trainer.step == pytest.approx(share * trainer.budget.end, abs=1)


def test_filters_are_compared_by_their_l2_norm(
    make_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of the filters have one weight of 1: shorter than the others by L1 (1 against 1.8), longer by L2."""
    net = settled(KINDS["residual"]())
    trainer = make_trainer(net, target=0.5)
    filters_of = net.get_submodule("1.first.0").weight.data
    filters_of.fill_(1.8 / filters_of[0].numel())
    filters_of[::2] = 0.0
    filters_of[::2, 0, 0, 0] = 1.0
    monkeypatch.setattr(trainer, "fit", lambda *_, **__: None)
    keep = soft_filter.learn(net, trainer, soft_filter.Knobs())["1.first.0"]
    assert 8 <= keep.sum() < 16 and keep[::2].all()
