"""Network slimming: the penalty on the scales, and the ranking by them."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from benchmarks.training.trainer import Trainer
from methods import slimming
from methods.core import gates
from tests.kinds import KINDS, settled

PENALTY = 0.01


class SeenError(Exception):
    """The method has handed its terms over."""


def gradient_of_penalty(net: nn.Module, trainer: Trainer, monkeypatch: pytest.MonkeyPatch) -> nn.Module:
    """What the method hands to `fit` as a penalty, derived by itself; also what it trains along."""
    handed = {}

    def fit(net: nn.Module, epochs: float, **told: object) -> None:
        handed.update(told)
        net.zero_grad()
        told["penalty"]().backward()
        raise SeenError

    monkeypatch.setattr(trainer, "fit", fit)
    with pytest.raises(SeenError):
        slimming.learn(net, trainer, slimming.Knobs(penalty=PENALTY))
    return handed["trained"]


@pytest.mark.parametrize("of", ["residual", "concatenating", "depthwise"])
def test_the_penaltys_gradient_on_a_scale_is_the_penalty_times_its_sign(
    of: str, make_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    net = settled(KINDS[of]())
    norms = [m for m in net.modules() if isinstance(m, nn.BatchNorm2d)]
    with torch.no_grad():
        norms[0].weight[:3] = torch.tensor([-0.5, 0.0, 0.5])
    gradient_of_penalty(net, make_trainer(net, target=0.5), monkeypatch)
    for norm in norms:
        assert torch.allclose(norm.weight.grad, PENALTY * norm.weight.sign())
        assert norm.bias.grad is None
    assert all(m.weight.grad is None for m in net.modules() if isinstance(m, nn.Conv2d | nn.Linear))


def test_layers_without_a_norm_have_penalised_factors_of_their_own(
    make_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    net = KINDS["plain"]()
    factors = gradient_of_penalty(net, make_trainer(net, target=0.5), monkeypatch)
    assert sorted(len(f) for f in factors.values()) == [8, 16, 20]
    assert all(torch.allclose(f.grad, PENALTY * torch.ones(len(f))) for f in factors.values())


def scales_of(net: nn.Module) -> Tensor:
    return torch.cat([m.weight.detach().abs() for m in net.modules() if isinstance(m, nn.BatchNorm2d)])


def test_the_penalty_makes_scales_smaller_and_changes_what_stays(make_trainer: Callable[..., Trainer]) -> None:
    found = {}
    for penalty in (0.0, 0.5):
        torch.manual_seed(0)
        net = KINDS["residual"]()  # all scales begin at 1
        keep = slimming.learn(net, make_trainer(net, epochs=8, target=0.5), slimming.Knobs(penalty=penalty, share=1.0))
        found[penalty] = scales_of(net).mean().item(), {name: mask.tolist() for name, mask in keep.items()}
    assert found[0.5][0] < 0.5 * found[0.0][0]
    assert found[0.5][1] != found[0.0][1]


def test_channels_are_ranked_by_their_scale_over_the_whole_network(make_trainer: Callable[..., Trainer]) -> None:
    net = settled(KINDS["residual"]())
    first, second = net[1].first[1], net[2].first[1]  # the norms of two groups of one norm each, inside the blocks
    with torch.no_grad():
        for norm in (m for m in net.modules() if isinstance(m, nn.BatchNorm2d)):
            norm.weight.fill_(3)
        first.weight.copy_(torch.linspace(0.1, 0.2, 16))
        second.weight.copy_(torch.linspace(1, 2, 16))
    keep = slimming.learn(net, make_trainer(net, target=0.8), slimming.Knobs(share=0))
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
    slimming.learn(net, trainer, slimming.Knobs(penalty=0.01))
    assert all((factor != 1).any() for factor in seen["factors"].values()), "the factors were trained"
    images = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        expected = gates.gated(seen["net"].eval(), trainer.groups, seen["factors"], images)
        assert torch.allclose(net.eval()(images), expected, rtol=1e-5, atol=1e-5)
