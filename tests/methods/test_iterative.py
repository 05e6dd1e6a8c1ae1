"""Iterative pruning: rounds by a cubic, and what has gone is gone."""

from __future__ import annotations

import copy
from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from torch import nn

from benchmarks.training.trainer import Trainer
from methods import iterative
from methods.core.api import Group, Keep
from methods.core.ranking import keep_by_rank, writer_norm
from tests.kinds import KINDS, settled


def rounds_of(
    make_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch, knobs: iterative.Knobs, of: str = "residual"
) -> tuple[Trainer, Keep, list[tuple[nn.Module, Keep, dict[str, torch.Tensor]]]]:
    """A run, and the network, choice and tensors in the forward pass at the start of every round."""
    net = settled(KINDS[of]())
    trainer = make_trainer(net, epochs=8, target=0.4)
    seen, fit, choose = [], trainer.fit, iterative.keep_by_rank
    latest: list[Keep] = []
    monkeypatch.setattr(
        iterative,
        "keep_by_rank",
        lambda *args, **how: latest.append(choose(*args, **how)) or latest[-1],  # type: ignore[func-returns-value]
    )

    def spy(net: nn.Module, epochs: float, **given: Callable[[], dict[str, torch.Tensor]]) -> None:
        seen.append((copy.deepcopy(net), latest[-1], {name: t.detach() for name, t in given["params"]().items()}))
        fit(net, epochs, **given)

    monkeypatch.setattr(trainer, "fit", spy)
    return trainer, iterative.learn(net, trainer, knobs), seen


def test_the_cubic_goes_fast_first_and_ends_at_all() -> None:
    assert [iterative.cubic(p) for p in (0, 0.5, 1)] == [0, 0.875, 1]


@pytest.mark.parametrize("ranking", ["uniform", "global"])
def test_macs_go_by_the_cubic_and_channels_never_come_back(
    ranking: str, make_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer, last, rounds = rounds_of(make_trainer, monkeypatch, iterative.Knobs(rounds=4, ranking=ranking))
    dense = trainer.macs(trainer.everything())
    left = [trainer.macs(keep) / dense for _, keep, _ in rounds]
    assert left == pytest.approx([1 - 0.6 * share for share in (37 / 64, 56 / 64, 63 / 64, 1)], abs=0.05)
    for (_, sooner, _), (_, later, _) in pairwise(rounds):
        assert all((sooner[name] | ~later[name]).all() for name in last)
    assert all(torch.equal(last[name], rounds[-1][1][name]) for name in last)


def test_removed_channels_stay_removed_where_the_order_of_groups_turns_round(
    make_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a global ranking: the group that lost most in one round has the longest filters in the next."""
    turn = 0

    def norms(net: nn.Module, group: Group, p: float) -> torch.Tensor:
        nonlocal turn
        turn += 1
        first = group.name == "1.first.0"
        return torch.arange(group.size) + 100.0 * (first == (turn > len(trainer.groups)))

    net = settled(KINDS["residual"]())
    trainer = make_trainer(net, epochs=8, target=0.4)
    monkeypatch.setattr(iterative, "writer_norm", norms)
    way, choose = [], iterative.keep_by_rank
    monkeypatch.setattr(iterative, "keep_by_rank", lambda *a, **how: way.append(choose(*a, **how)) or way[-1])
    iterative.learn(net, trainer, iterative.Knobs(rounds=4, ranking="global"))
    assert (~way[0]["1.first.0"]).sum() > 8
    for sooner, later in pairwise(way):
        assert all((sooner[name] | ~later[name]).all() for name in later)


@pytest.mark.decides
def test_every_round_removes_the_smallest_of_what_is_left(
    make_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer, _, rounds = rounds_of(make_trainer, monkeypatch, iterative.Knobs(rounds=3))
    before = {g.name: torch.ones(g.size, dtype=torch.bool) for g in trainer.groups}
    for net, keep, _ in rounds:
        for group in trainer.groups:
            norms, left = writer_norm(net, group, p=1), before[group.name]
            new = left & ~keep[group.name]
            assert not new.any() or norms[new].max() <= norms[keep[group.name]].min()
        before = keep


@pytest.mark.parametrize("of", ["plain", "residual"])
def test_what_trains_is_the_smaller_network(
    of: str, make_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer, _, rounds = rounds_of(make_trainer, monkeypatch, iterative.Knobs(rounds=2), of)
    images = torch.randn(8, 1, 8, 8, generator=torch.Generator().manual_seed(3))
    for net, keep, tensors in rounds:
        small = trainer.structure.shrink(net, keep).train()
        masked = torch.func.functional_call(net.train(), tensors, images)
        assert torch.allclose(masked, small(images), atol=1e-4)


def test_the_last_choice_differs_from_one_shots(
    make_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer, last, rounds = rounds_of(make_trainer, monkeypatch, iterative.Knobs(rounds=6, share=1.0))
    first = rounds[0][0]
    once = keep_by_rank({g.name: writer_norm(first, g, p=1) for g in trainer.groups}, trainer)
    assert any(not torch.equal(once[name], mask) for name, mask in last.items())
    assert trainer.step == trainer.budget.end
