"""L0 regularisation: the hard concrete distribution against closed form, and the penalty on open gates."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from benchmarks.training.trainer import Trainer
from methods import l0
from methods.core.api import Batch, Group
from methods.core.structure.structure import Structure
from tests.kinds import KINDS, settled


def gate_at(*log_alpha: float) -> l0.HardConcrete:
    """One group whose gates have these parameters."""
    gate = l0.HardConcrete([Group("g", len(log_alpha), (), (), (), ())], 0.5, torch.Generator())
    gate.log_alpha.data = torch.tensor(log_alpha)
    return gate


@pytest.mark.parametrize("log_alpha", [-3.0, 0.0, 1.5])
def test_sampled_gates_are_zero_and_one_as_often_as_the_distribution_says(log_alpha: float) -> None:
    """P(z = 0) and P(z = 1) are the distribution function of the stretched concrete at 0 and beyond 1."""
    gate = gate_at(*[log_alpha] * 100_000)
    z = gate.sample(torch.Generator().manual_seed(0))["g"]

    def below(s: float) -> float:
        share = (s - l0.GAMMA) / (l0.ZETA - l0.GAMMA)
        return 1 / (1 + math.exp(log_alpha - l0.BETA * math.log(share / (1 - share))))

    assert (z == 0).float().mean().item() == pytest.approx(below(0.0), abs=0.005)
    assert (z == 1).float().mean().item() == pytest.approx(1 - below(1.0), abs=0.005)
    assert gate.open()[0].item() == pytest.approx(1 - below(0.0), abs=1e-5)


def test_at_log_alpha_zero_the_distribution_is_symmetric() -> None:
    z = gate_at(*[0.0] * 100_000).sample(torch.Generator().manual_seed(0))["g"]
    assert ((z == 0).float().mean() - (z == 1).float().mean()).abs() < 0.01
    assert z.mean().item() == pytest.approx(0.5, abs=0.01)


@given(st.floats(-4.5, 4.5))
def test_the_gradient_of_the_penalty_is_p_times_one_minus_p(log_alpha: float) -> None:
    gate = gate_at(log_alpha)
    gate.open().sum().backward()
    p = 1 / (1 + math.exp(-(log_alpha - 2 / 3 * math.log(0.1 / 1.1))))
    assert gate.log_alpha.grad is not None
    assert gate.log_alpha.grad.item() == pytest.approx(p * (1 - p), abs=1e-5)


def test_a_gate_without_noise_is_zero_below_and_one_above() -> None:
    edge = math.log(1 / 11)  # where sigmoid(log alpha) * 1.2 - 0.1 = 0
    z = gate_at(edge - 0.01, edge + 0.01, 0.0, -edge - 0.01, -edge + 0.01).settled()["g"]
    assert z[0] == 0 and 0 < z[1] < 0.01 and z[2] == 0.5 and 0.99 < z[3] < 1 and z[4] == 1


def test_a_map_is_charged_what_writes_it_and_a_unit_what_reads_it(make_trainer: Callable[..., Trainer]) -> None:
    net = KINDS["plain"]()
    trainer = make_trainer(net)
    behind = split(l0.parameters_behind(net, trainer.groups), trainer)
    assert {len(of): of.unique().tolist() for of in behind} == {8: [10.0], 16: [73.0], 20: [2.0]}
    net = KINDS["residual"]()
    trainer = make_trainer(net)
    stream = next(i for i, g in enumerate(trainer.groups) if len(g.writers) == 3)
    assert split(l0.parameters_behind(net, trainer.groups), trainer)[stream].unique().tolist() == [12 + 144 + 144]


def split(values: Tensor, trainer: Trainer) -> tuple[Tensor, ...]:
    return values.split([g.size for g in trainer.groups])


def test_lenet_5_is_charged_as_in_the_authors_code() -> None:
    """Their L0Conv2d charges the weights and the bias of a map, their L0Dense the weights that leave a unit."""
    net = nn.Sequential(
        nn.Conv2d(1, 20, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(20, 50, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(800, 500), nn.ReLU(), nn.Linear(500, 10),
    )  # fmt: skip
    groups = Structure.of(net, torch.zeros(1, 1, 28, 28)).groups
    charged = l0.parameters_behind(net, groups).split([g.size for g in groups])
    assert {len(of): of.unique().tolist() for of in charged} == {20: [26.0], 50: [501.0], 500: [10.0]}


def test_units_are_gated_at_the_inputs_of_the_layer_that_reads_them(make_trainer: Callable[..., Trainer]) -> None:
    net = settled(KINDS["plain"]())
    trainer = make_trainer(net)
    factors = {g.name: torch.full((g.size,), 0.5) for g in trainer.groups}
    new = l0.gated(net, trainer.groups, factors)
    assert sorted(new) == ["0.bias", "0.weight", "3.bias", "3.weight", "9.weight"]
    assert torch.equal(new["9.weight"], 0.5 * net[9].weight)


def priced(
    make_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch, epochs: int, **knobs: float
) -> tuple[l0.HardConcrete, Tensor, Trainer]:
    """Gates that learned with a loss that asks for nothing, what is behind each, and their trainer."""
    made: list[l0.HardConcrete] = []
    net = KINDS["residual"]()
    trainer = make_trainer(net, epochs=epochs)
    loss = trainer.loss
    with monkeypatch.context() as patch:
        patch.setattr(l0, "HardConcrete", lambda *args, of=l0.HardConcrete: (made.append(of(*args)), made[0])[1])
        patch.setattr(trainer, "loss", lambda net, batch, params: 0 * loss(net, batch, params))
        l0.learn(net, trainer, l0.Knobs(**knobs))
    return made[0], l0.parameters_behind(net, trainer.groups), trainer


@pytest.mark.parametrize("epochs", [1, 6])
def test_a_parameter_costs_lambda_by_the_images_of_an_epoch_whatever_the_budget(
    epochs: int, make_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, behind, trainer = priced(make_trainer, monkeypatch, epochs, lr=1e-6)  # gates stay where they are
    p = torch.sigmoid(gate.log_alpha.detach() - 2 / 3 * math.log(0.1 / 1.1))
    images = trainer.epoch_steps * trainer.recipe.batch_size
    assert gate.log_alpha.grad is not None
    assert torch.allclose(gate.log_alpha.grad, 0.1 / images * behind * p * (1 - p), rtol=0.01)


def test_a_gate_moves_as_far_in_a_step_whatever_the_penalty(
    make_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Adam, as the authors'."""
    ends = [
        priced(make_trainer, monkeypatch, 2, penalty=penalty)[0].log_alpha.mean().item() for penalty in (1.0, 100.0)
    ]
    assert ends[0] == pytest.approx(ends[1], rel=1e-3) and ends[0] < math.log(9) - 0.05


@pytest.mark.decides
def test_gates_learn_from_the_loss_where_there_is_no_penalty(
    make_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[l0.HardConcrete, Tensor]] = []

    def make(*args: Any, of: Any = l0.HardConcrete) -> l0.HardConcrete:
        gate = of(*args)
        made.append((gate, gate.log_alpha.detach().clone()))
        return gate

    monkeypatch.setattr(l0, "HardConcrete", make)
    net = KINDS["residual"]()
    l0.learn(net, make_trainer(net, epochs=2), l0.Knobs(penalty=0.0, closed=0.5))
    ((gate, before),) = made
    assert ((gate.log_alpha - before).abs() > 1e-4).float().mean() > 0.9


def test_a_strong_penalty_closes_gates_that_the_loss_leaves_open(make_trainer: Callable[..., Trainer]) -> None:
    kept = {}
    for penalty in (0.0, 1000.0):
        net = settled(KINDS["residual"]())
        trainer = make_trainer(net, epochs=8)
        keep = l0.learn(net, trainer, l0.Knobs(penalty=penalty, lr=0.5))
        kept[penalty] = sum(int(mask.sum()) for mask in keep.values())
    assert kept[0.0] > 0.9 * sum(g.size for g in trainer.groups)
    assert kept[1000.0] < 0.8 * kept[0.0]


def test_closed_channels_are_zero_in_the_weights_and_open_ones_are_scaled(
    make_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    net = settled(KINDS["plain"]())
    trainer = make_trainer(net)
    group = next(g for g in trainer.groups if g.name == "3")
    half = torch.arange(group.size) % 2 * 0.5

    def factors(gate: l0.HardConcrete) -> dict[str, Tensor]:
        return {g.name: half if g is group else torch.ones(g.size) for g in trainer.groups}

    monkeypatch.setattr(l0.HardConcrete, "settled", factors)
    monkeypatch.setattr(trainer, "batches", lambda epochs, state: iter(()))
    layer = net.get_submodule(group.writers[0].module)
    assert isinstance(layer, nn.Conv2d | nn.Linear)
    before = layer.weight.detach().clone()
    keep = l0.learn(net, trainer, l0.Knobs())
    assert torch.equal(keep[group.name], half > 0)
    assert torch.equal(layer.weight, before * half.view(-1, *[1] * (before.dim() - 1)))


def test_every_step_draws_gates_anew(make_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    net = KINDS["residual"]()
    trainer = make_trainer(net)
    loss = trainer.loss

    def watched(net: nn.Module, batch: Batch, params: dict[str, Tensor]) -> Tensor:
        seen.append(params["0.1.weight"].detach().clone())
        return loss(net, batch, params)

    monkeypatch.setattr(trainer, "loss", watched)
    l0.learn(net, trainer, l0.Knobs(share=0.5, closed=0.5))
    assert len(seen) == 6
    assert all(not torch.equal(one == 0, other == 0) for one, other in pairwise(seen))
