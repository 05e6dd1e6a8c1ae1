"""Network slimming: the penalty on the scales, and the ranking by them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from benchmarks.training.budget import rate
from benchmarks.training.trainer import Trainer
from methods import slimming
from methods.core import gates
from methods.core.penalty import BARE, reaching
from tests.kinds import KINDS, settled
from tests.methods.descent import steps_to_zero

PENALTY = 0.01


class SeenError(Exception):
    """The method has handed its terms over."""


def handed(net: nn.Module, trainer: Trainer, monkeypatch: pytest.MonkeyPatch, **knobs: float) -> dict[str, Any]:
    """The terms that the method hands to `fit`."""
    terms: dict[str, Any] = {}

    def fit(net: nn.Module, epochs: float, **given: object) -> None:
        terms.update(given, epochs=epochs)
        raise SeenError

    monkeypatch.setattr(trainer, "fit", fit)
    with pytest.raises(SeenError):
        slimming.learn(net, trainer, slimming.Knobs(**knobs))
    return terms


def gradient_of_penalty(net: nn.Module, trainer: Trainer, monkeypatch: pytest.MonkeyPatch) -> tuple[nn.Module, float]:
    """What the method trains along, behind a backward pass of its penalty alone; and the strength that is due."""
    terms = handed(net, trainer, monkeypatch, penalty=PENALTY)
    due = reaching(PENALTY, slimming.FIRST, trainer, terms["epochs"])
    with torch.no_grad():
        for norm in (m for m in net.modules() if isinstance(m, nn.BatchNorm2d)):
            norm.weight[:3] = torch.tensor([-0.5, 0.0, 0.5])
    net.zero_grad()
    terms["penalty"]().backward()
    return terms["trained"], due


def test_a_scale_that_is_not_needed_is_at_zero_halfway_whatever_the_budget(
    make_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the recipe's own rates and momentum, step by step; scales begin at 0.5."""
    for epochs in (20, 80):
        net = KINDS["residual"]()
        trainer = make_trainer(net, epochs, target=0.5)
        terms = handed(net, trainer, monkeypatch)
        penalty = terms["penalty"]().item() / scales_of(net).sum().item()
        rates = [rate(0.1, (step + 0.5) / (3 * epochs)) * 0.05 for step in range(3 * epochs)]
        steps = steps_to_zero(0.5, penalty, rates, 0.9)
        assert steps == pytest.approx(3 * epochs / 4, rel=0.12), "half of the steps with the penalty, half of all"


def test_scales_begin_at_a_half(make_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch) -> None:
    net = KINDS["residual"]()
    handed(net, make_trainer(net, target=0.5), monkeypatch)
    assert (scales_of(net) == 0.5).all()


@pytest.mark.parametrize("of", ["residual", "concatenating", "depthwise"])
def test_the_penaltys_gradient_on_a_scale_is_the_penalty_times_its_sign(
    of: str, make_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    net = settled(KINDS[of]())
    _, strength = gradient_of_penalty(net, make_trainer(net, target=0.5), monkeypatch)
    for norm in (m for m in net.modules() if isinstance(m, nn.BatchNorm2d)):
        assert torch.allclose(norm.weight.grad, strength * norm.weight.sign())
        assert norm.bias.grad is None
    assert all(m.weight.grad is None for m in net.modules() if isinstance(m, nn.Conv2d | nn.Linear))


def test_layers_without_a_norm_have_penalised_factors_of_their_own(
    make_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    net = KINDS["plain"]()
    factors, strength = gradient_of_penalty(net, make_trainer(net, target=0.5), monkeypatch)
    assert sorted(len(f) for f in factors.values()) == [8, 16, 20]
    assert all(torch.allclose(f.grad, BARE * strength * torch.ones(len(f))) for f in factors.values())


def scales_of(net: nn.Module) -> Tensor:
    return torch.cat([m.weight.detach().abs() for m in net.modules() if isinstance(m, nn.BatchNorm2d)])


@pytest.mark.decides
def test_the_default_penalty_empties_scales_and_decides_what_stays(make_trainer: Callable[..., Trainer]) -> None:
    found = {}
    for penalty in (0.0, slimming.Knobs.penalty):
        torch.manual_seed(0)
        net = KINDS["residual"]()
        keep = slimming.learn(net, make_trainer(net, epochs=16, target=0.5), slimming.Knobs(penalty=penalty))
        found[penalty] = scales_of(net), {name: mask.tolist() for name, mask in keep.items()}
    (none, before), (some, after) = found.values()
    assert none.min() > 0.3
    assert some.median() < 0.1 * none.median()
    assert before != after


@pytest.mark.decides
def test_channels_are_ranked_by_their_scale_over_the_whole_network(
    make_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    net = settled(KINDS["residual"]())
    trainer = make_trainer(net, target=0.8)
    first, second = net[1].first[1], net[2].first[1]  # the norms of two groups of one norm each, inside the blocks

    @torch.no_grad()
    def fit(*_: object, **__: object) -> None:
        for norm in (m for m in net.modules() if isinstance(m, nn.BatchNorm2d)):
            norm.weight.fill_(3)
        first.weight.copy_(-torch.linspace(0.1, 0.2, 16))  # by size: the sign does not count
        second.weight.copy_(torch.linspace(1, 2, 16))

    monkeypatch.setattr(trainer, "fit", fit)
    keep = slimming.learn(net, trainer, slimming.Knobs())
    removed = {name: (~mask).sum().item() for name, mask in keep.items()}
    assert removed.pop("1.first.0") > 3
    assert sum(removed.values()) <= 1, "the last step to the target may be too small for the layer in turn"
    assert torch.equal(keep["1.first.0"], torch.arange(16) >= 16 - keep["1.first.0"].sum())


def test_learned_factors_are_folded(make_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch) -> None:
    seen = {}
    fold = gates.fold
    monkeypatch.setattr(
        slimming.gates,
        "fold",
        lambda net, groups, factors: (
            seen.update(net=copy.deepcopy(net), factors={n: f.detach().clone() for n, f in factors.items()}),
            fold(net, groups, factors),
        ),
    )
    net = KINDS["plain"]()
    trainer = make_trainer(net, target=0.5)
    slimming.learn(net, trainer, slimming.Knobs())
    assert all((factor != 1).any() for factor in seen["factors"].values()), "the factors were trained"
    images = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        expected = gates.gated(seen["net"].eval(), trainer.groups, seen["factors"], images)
        assert torch.allclose(net.eval()(images), expected, rtol=1e-5, atol=1e-5)
