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
from methods.core.api import Keep
from methods.core.ranking import keep_by_rank, writer_norm
from tests.kinds import KINDS, settled


def rounds_of(
    make_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch, knobs: iterative.Knobs, of: str = "residual"
) -> tuple[Trainer, Keep, list[tuple[nn.Module, Keep, dict[str, torch.Tensor]]]]:
    """A run, and the network, choice and tensors in the forward pass at the start of every round."""
    net = settled(KINDS[of]())
    trainer = make_trainer(net, epochs=8, target=0.4)
    seen, fit, choose = [], trainer.fit, iterative.first_to_go
    latest: list[Keep] = []
    monkeypatch.setattr(
        iterative,
        "first_to_go",
        lambda *args: latest.append(choose(*args)) or latest[-1],  # type: ignore[func-returns-value]
    )

    def spy(net: nn.Module, epochs: float, **told: Callable[[], dict[str, torch.Tensor]]) -> None:
        seen.append((copy.deepcopy(net), latest[-1], {name: t.detach() for name, t in told["params"]().items()}))
        fit(net, epochs, **told)

    monkeypatch.setattr(trainer, "fit", spy)
    return trainer, iterative.learn(net, trainer, knobs), seen


def test_the_cubic_goes_fast_first_and_ends_at_all() -> None:
    assert [iterative.cubic(p) for p in (0, 0.5, 1)] == [0, 0.875, 1]


def test_channels_go_by_the_cubic_and_never_come_back(
    make_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer, last, rounds = rounds_of(make_trainer, monkeypatch, iterative.Knobs(rounds=4))
    gone = [{name: ~mask for name, mask in keep.items()} for _, keep, _ in rounds]
    for group in trainer.groups:
        whole = int((~last[group.name]).sum())
        counts = [int(masks[group.name].sum()) for masks in gone]
        assert counts == [round(whole * share) for share in (37 / 64, 56 / 64, 63 / 64, 1)]
        assert all((later[group.name] >= sooner[group.name]).all() for sooner, later in pairwise(gone))
    assert torch.equal(last["1.first.0"], rounds[-1][1]["1.first.0"])


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
    assert {n: int(m.sum()) for n, m in once.items()} == {n: int(m.sum()) for n, m in last.items()}
    assert any(not torch.equal(once[name], mask) for name, mask in last.items())
    assert trainer.step == trainer.end
