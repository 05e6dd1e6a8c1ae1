"""Sparse structure selection: the accelerated proximal step, and the exact zeros that it makes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from benchmarks.training.trainer import Trainer
from methods import sss
from methods.core import gates
from tests.kinds import KINDS, settled

IMAGES = torch.randn(16, 1, 8, 8, generator=torch.Generator().manual_seed(3))


def stepped(factor: float, gradient: float, velocity: float, eta: float, penalty: float) -> tuple[float, float]:
    factors, velocities = torch.tensor([factor]), torch.tensor([velocity])
    factors.grad = torch.tensor([gradient])
    sss.accelerated(factors, velocities, eta, penalty)
    assert factors.grad is None, "the next backward pass begins anew"
    return factors.item(), velocities.item()


@pytest.mark.parametrize(
    ("factor", "gradient", "velocity", "after", "velocity_after"),
    [
        # eta 0.1, threshold 0.05. z = soft(factor - 0.1 gradient); v = z - factor + 0.9 v; factor = z + 0.9 v
        (1.0, 0.0, 0.0, 0.905, -0.05),  # z = 0.95
        (1.0, 2.0, 0.0, 0.525, -0.25),  # z = soft(0.8) = 0.75
        (1.0, 0.0, 0.1, 0.986, 0.04),  # z = 0.95, v = -0.05 + 0.09
        (0.04, 0.0, 0.0, 0.0, -0.04),  # z = 0: within the threshold; momentum would carry it on to -0.036
        (0.0, 0.3, 0.0, 0.0, 0.0),  # a zero stays one while its gradient is below the penalty
        (0.0, -1.0, 0.0, 0.095, 0.05),  # and comes back when it is above: z = soft(0.1) = 0.05
    ],
)
def test_one_step_gives_the_papers_numbers(
    factor: float, gradient: float, velocity: float, after: float, velocity_after: float
) -> None:
    assert stepped(factor, gradient, velocity, eta=0.1, penalty=0.5) == pytest.approx((after, velocity_after), abs=1e-6)


def test_without_a_penalty_it_is_nesterovs_gradient_step() -> None:
    assert stepped(1.0, 2.0, 0.0, eta=0.1, penalty=0.0) == pytest.approx((0.8 - 0.18, -0.2))


def test_a_factor_is_never_negative_and_can_come_back() -> None:
    assert stepped(0.04, 0.0, -0.5, eta=0.1, penalty=0.5)[0] == 0.0
    assert stepped(0.0, -9.0, -0.04, eta=0.1, penalty=0.5)[0] > 0.5


def test_a_factor_that_the_loss_does_not_need_becomes_exactly_zero_and_stays() -> None:
    factor, velocity = torch.tensor([1.0, 1.0]), torch.zeros(2)
    for _ in range(60):
        factor.grad = torch.tensor([0.0, factor[1].item() - 1])  # the second has a minimum of its loss at 1
        sss.accelerated(factor, velocity, eta=0.1, penalty=0.5)
    assert factor[0].item() == 0.0 and abs(velocity[0].item()) < 0.01
    assert factor[1].item() == pytest.approx(0.5, abs=0.05), "the penalty's own shift: 1 - 0.5"


@pytest.mark.decides
def test_a_strong_penalty_makes_zeros_and_none_makes_none(make_trainer: Callable[..., Trainer]) -> None:
    kept = {}
    for penalty in (0.0, 2.0):
        net = settled(KINDS["residual"]())
        trainer = make_trainer(net, epochs=8)
        keep = sss.learn(net, trainer, sss.Knobs(penalty=penalty))
        kept[penalty] = sum(int(mask.sum()) for mask in keep.values())
        assert kept[penalty] == trainer.history[-1]["channels"]
    assert kept[0.0] == sum(g.size for g in trainer.groups)
    assert kept[2.0] < 0.8 * kept[0.0]


def test_channels_that_are_off_are_zero_in_the_weights_that_write_them(make_trainer: Callable[..., Trainer]) -> None:
    net = settled(KINDS["plain"]())
    trainer = make_trainer(net, epochs=8)
    keep = sss.learn(net, trainer, sss.Knobs(penalty=2.0))
    group = next(g for g in trainer.groups if not keep[g.name].all())
    site = group.writers[0]
    written = net.get_submodule(site.module).weight[site.index].flatten(1).abs().sum(1)
    assert torch.equal(written > 0, keep[group.name])


@pytest.mark.parametrize("of", ["residual", "concatenating", "depthwise", "grouped"])
@pytest.mark.parametrize("site", ["behind_activation", "behind_norm"])
def test_folding_changes_no_logit_and_no_weight_in_front_of_a_norm(
    of: str, site: gates.Place, make_trainer: Callable[..., Trainer]
) -> None:
    """Smaller weights in front of a norm would take larger steps."""
    net = settled(KINDS[of]())
    trainer = make_trainer(net)
    factors = {g.name: torch.rand(g.size, generator=torch.Generator().manual_seed(1)) for g in trainer.groups}
    factors[trainer.groups[0].name][:2] = 0
    weights = {name: m.weight.clone() for name, m in net.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)}
    with torch.no_grad():
        due = gates.gated(net, trainer.groups, factors, IMAGES, site)
        sss.fold(net, trainer, factors, site)
        assert torch.allclose(net(IMAGES), due, rtol=1e-4, atol=1e-4)
    normed = {site.module for g in trainer.groups for site in g.writers if g.norms}
    assert normed and all(torch.equal(net.get_submodule(name).weight, weights[name]) for name in normed)


@pytest.mark.parametrize("kind", ["activation", "norm", "site"])
def test_factors_are_folded_where_they_apply_if_the_norms_would_not_do(
    kind: str, make_trainer: Callable[..., Trainer]
) -> None:
    """Behind an activation other than ReLU, without norms, and before the norms."""
    net = settled(KINDS["plain" if kind == "norm" else "residual"]())
    if kind == "activation":
        net[0][2] = nn.SiLU()
    site = "before_norm" if kind == "site" else "behind_activation"
    trainer = make_trainer(net)
    factors = {g.name: torch.rand(g.size, generator=torch.Generator().manual_seed(1)) for g in trainer.groups}
    norms = {name: m.weight.clone() for name, m in net.named_modules() if isinstance(m, nn.BatchNorm2d)}
    with torch.no_grad():
        due = gates.gated(net, trainer.groups, factors, IMAGES, site)
        sss.fold(net, trainer, factors, site)
        assert torch.allclose(net(IMAGES), due, rtol=1e-4, atol=1e-4)
    assert all(torch.equal(net.get_submodule(name).weight, weight) for name, weight in norms.items())


def test_layers_without_a_norm_have_a_fiftieth_of_the_penalty(
    make_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[float] = []
    monkeypatch.setattr(sss, "accelerated", lambda factor, velocity, eta, penalty: given.append(penalty))
    for kind, share in (("residual", 1.0), ("plain", 0.02)):
        given.clear()
        trainer = make_trainer(net := KINDS[kind]())
        sss.learn(net, trainer, sss.Knobs(penalty=5000.0))
        assert given == [pytest.approx(5000.0 * share)] * len(given)


def test_the_step_shrinks_with_the_schedule(
    make_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    etas = []
    monkeypatch.setattr(sss, "accelerated", lambda factor, velocity, eta, penalty: etas.append(eta))
    net = KINDS["plain"]()
    trainer = make_trainer(net)
    sss.learn(net, trainer, sss.Knobs(lr=0.5, share=1.0))
    rates = etas[:: len(trainer.groups)]
    assert len(rates) == 12
    assert max(rates) <= 0.5 and rates[-1] < 0.05 * max(rates)


def test_a_factor_without_a_gradient_is_gone_halfway_in_a_short_run(
    make_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the penalty is the knob's where the run is long enough for that."""
    step, given = sss.accelerated, []

    def unneeded(factor: torch.Tensor, velocity: torch.Tensor, eta: float, penalty: float) -> None:
        factor.grad.zero_()
        step(factor, velocity, eta, penalty)
        given.append((penalty, float(factor.detach().max())))

    monkeypatch.setattr(sss, "accelerated", unneeded)
    for penalty, raised in ((5e-3, True), (5.0, False), (0.0, False)):
        given.clear()
        trainer = make_trainer(net := KINDS["plain"](), epochs=20)
        sss.learn(net, trainer, sss.Knobs(penalty=penalty))
        assert len({used for used, _ in given}) == 1 and (given[0][0] > penalty) == raised
        gone = [not left for _, left in given]
        assert gone[-1] == bool(penalty)
        if raised:
            assert 0.45 < gone.index(True) / len(gone) < 0.75, "halfway, and the steps in which momentum builds up"
