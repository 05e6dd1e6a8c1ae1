"""Gate decorator: phi in place of the scale, its Taylor importance, what a Tick may train, the way to the target."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from benchmarks.training.trainer import Trainer
from methods import gate_decorator
from methods.core import gates
from methods.core.api import Group, Keep
from tests.conftest import RECIPE
from tests.kinds import KINDS, settled

MakeTrainer = Callable[..., Trainer]


def branches_of(trainer: Trainer) -> list[Group]:
    return [replace(g, name=f"{g.name}/{i}", gates=(s,)) for g in trainer.groups for i, s in enumerate(g.gates)]


def params(net: nn.Module, branches: list[Group], phi: nn.ParameterList) -> dict[str, Tensor]:
    return gates.scaled(net, branches, {b.name: p for b, p in zip(branches, phi, strict=True)})


@pytest.mark.parametrize("of", KINDS)
def test_phi_takes_the_scale_and_the_network_stays_what_it_was(of: str, make_trainer: MakeTrainer) -> None:
    net = settled(KINDS[of]())
    branches = branches_of(make_trainer(net))
    images = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(3))
    before = net(images)
    phi = gate_decorator.decorate(net, branches)
    after = torch.func.functional_call(net, params(net, branches, phi), images)
    assert torch.allclose(before, after, rtol=1e-4, atol=1e-4)
    for site in (site for branch in branches for site in branch.gates if site.index.shape[1] == 1):
        if isinstance(module := net.get_submodule(site.module), nn.BatchNorm2d):
            assert torch.equal(module.weight[site.index], torch.ones(len(site.index), 1))


@pytest.mark.parametrize("of", ["residual", "plain"])
def test_importance_is_what_the_loss_changes_by_to_first_order(
    of: str, make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One step; central differences of the loss in phi, in double precision."""
    net = settled(KINDS[of]())
    trainer = make_trainer(net)
    net.double()
    branches = branches_of(trainer)
    phi = gate_decorator.decorate(net, branches).double()
    batch = next(iter(trainer.data["train"].batches(32)))
    batch = batch._replace(images=batch.images.double())
    monkeypatch.setattr(trainer, "batches", lambda epochs, state: iter([batch]))
    before = [p.detach().clone() for p in phi]
    sums = gate_decorator.importances(net, trainer, phi, lambda: params(net, branches, phi), 1.0, 0.0)

    def loss() -> float:
        with torch.no_grad():
            logits = torch.func.functional_call(net, params(net, branches, phi), batch.images)
            return nn.functional.cross_entropy(logits, batch.labels).item()

    for p, start, total in zip(phi, before, sums, strict=True):
        for channel in (0, len(p) - 1):
            values = []
            for step in (1e-5, -1e-5):
                p.data.copy_(start)
                p.data[channel] += step
                values.append(loss())
            p.data.copy_(start)
            slope = (values[0] - values[1]) / 2e-5
            assert total[channel].item() == pytest.approx(abs(start[channel].item() * slope), rel=1e-3, abs=1e-9)
    assert max(total.max() for total in sums) > 1e-4


def test_a_tick_trains_phi_and_the_last_layer_alone_and_sums_over_its_steps(make_trainer: MakeTrainer) -> None:
    net = settled(KINDS["residual"]())
    trainer = make_trainer(net)
    branches = branches_of(trainer)
    phi = gate_decorator.decorate(net, branches)
    before = {name: p.detach().clone() for name, p in [*net.named_parameters(), *phi.named_parameters("phi")]}
    one = gate_decorator.importances(net, trainer, phi, lambda: params(net, branches, phi), 1 / 3, 0.0)
    three = gate_decorator.importances(net, trainer, phi, lambda: params(net, branches, phi), 1.0, 0.1)
    assert sum(t.sum() for t in three) > 1.5 * sum(t.sum() for t in one)
    after = {name: p.detach() for name, p in [*net.named_parameters(), *phi.named_parameters("phi")]}
    changed = {name for name, tensor in after.items() if not torch.equal(tensor, before[name])}
    assert changed == {"3.2.weight", "3.2.bias", *(f"phi.{i}" for i in range(len(phi)))}


def test_a_tock_makes_phi_smaller(make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch) -> None:
    size = {}
    for penalty in (0.0, 0.5):
        made: list[nn.ParameterList] = []
        decorate = gate_decorator.decorate
        with monkeypatch.context() as patch:
            patch.setattr(
                gate_decorator, "decorate", lambda *given, of=decorate, to=made: (to.append(of(*given)), to[0])[1]
            )
            torch.manual_seed(0)
            net = KINDS["residual"]()
            gate_decorator.learn(net, make_trainer(net, 8, target=0.9), gate_decorator.Knobs(penalty=penalty))
        size[penalty] = torch.cat([*made[0]]).abs().mean().item()
    assert size[0.5] < 0.8 * size[0.0]


@pytest.mark.parametrize(("lr", "product"), [(0.05, None), (50.0, 1e-3 * 10 * 391 * (0.001 + 0.01) / 2)])
def test_a_tock_moves_phi_no_further_than_the_authors(
    lr: float, product: float | None, make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a short Tock the penalty is theirs, and at a high learning rate its product with the rates is."""
    net, tocks = KINDS["residual"](), []
    trainer = make_trainer(net, target=0.9, recipe=RECIPE.model_copy(update={"lr": lr}))

    def fit(
        _: nn.Module, epochs: float, penalty: Callable[[], Tensor], trained: nn.ParameterList, **__: object
    ) -> None:
        size = torch.cat([*trained]).abs().sum().item()
        tocks.append((penalty().item() / size, trainer.lr_sum(epochs)))

    monkeypatch.setattr(trainer, "fit", fit)
    gate_decorator.learn(net, trainer, gate_decorator.Knobs(tick=1.0, ticks=10))
    for strength, rates in tocks:
        assert strength * rates == pytest.approx(product or 1e-3 * rates, rel=0.01)
    assert tocks


def planted(
    net: nn.Module, trainer: Trainer, monkeypatch: pytest.MonkeyPatch, knobs: gate_decorator.Knobs
) -> tuple[dict[str, Tensor], Keep, list[Keep]]:
    """A run whose Ticks find these importances, its choice, and the choices on the way."""
    rng = torch.Generator().manual_seed(0)
    scores = {g.name: torch.rand(g.size, generator=rng) for g in trainer.groups}
    branches = [scores[g.name] / len(g.gates) for g in trainer.groups for _ in g.gates]
    way: list[Keep] = []
    monkeypatch.setattr(gate_decorator, "importances", lambda *_: branches)
    rank = gate_decorator.keep_by_rank
    monkeypatch.setattr(gate_decorator, "keep_by_rank", lambda *a, **k: way.append(rank(*a, **k)) or way[-1])
    return scores, gate_decorator.learn(net, trainer, knobs), way


@pytest.mark.decides
def test_the_least_important_channels_go_tick_by_tick_and_stay_gone(
    make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = KINDS["residual"]()
    trainer = make_trainer(net, 12, target=0.4)
    scores, keep, way = planted(net, trainer, monkeypatch, gate_decorator.Knobs(tick=0.5))
    assert len(way) == 7
    assert all(not (later[name] & ~sooner[name]).any() for sooner, later in pairwise(way) for name in keep)
    gone = torch.cat([scores[name][~mask] for name, mask in keep.items()])
    kept = torch.cat([scores[name][mask] for name, mask in keep.items()])
    assert gone.max() < kept.quantile(0.3)
    assert trainer.macs(keep) / trainer.macs(trainer.everything()) == pytest.approx(0.4, rel=0.02)


def test_many_small_ticks_leave_the_cheap_layers_alone(
    make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The linear layer's channels matter most, and a channel of the others costs more than a Tick removes."""
    net = KINDS["plain"]()
    trainer = make_trainer(net, 40, target=0.5)
    branches = [torch.linspace(0, 1, g.size) + 10 * (g.name == "7") for g in trainer.groups]
    monkeypatch.setattr(gate_decorator, "importances", lambda *_: branches)
    keep = gate_decorator.learn(net, trainer, gate_decorator.Knobs(tick=0.5))
    assert keep["7"].sum() >= 18


def test_a_tenth_of_every_group_stays_however_unimportant(
    make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = KINDS["plain"]()
    trainer = make_trainer(net, 40, target=0.5)
    branches = [torch.linspace(0, 1, g.size) - 10 * (g.name == "7") for g in trainer.groups]
    monkeypatch.setattr(gate_decorator, "importances", lambda *_: branches)
    keep = gate_decorator.learn(net, trainer, gate_decorator.Knobs(tick=0.5))
    assert keep["7"].sum() == round(0.1 * len(keep["7"]))


def test_the_scale_may_be_trained_again_afterwards(make_trainer: MakeTrainer) -> None:
    net = KINDS["residual"]()
    gate_decorator.learn(net, make_trainer(net, target=0.5), gate_decorator.Knobs())
    assert all(parameter.requires_grad for parameter in net.parameters())


def test_phi_is_in_the_scales_that_it_leaves(make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch) -> None:
    made: dict[str, Tensor] = {}

    def spy(net: nn.Module, branches: list[Group], of: Callable = gate_decorator.decorate) -> nn.ParameterList:
        phi = of(net, branches)
        made.update(zip((branch.name for branch in branches), phi, strict=True))
        return phi

    monkeypatch.setattr(gate_decorator, "decorate", spy)
    net = KINDS["residual"]()
    keep = gate_decorator.learn(net, make_trainer(net, target=0.5), gate_decorator.Knobs())
    phi = made["1.first.0 at 1.first.1"]
    assert (phi != 1).any() and torch.equal(net.get_parameter("1.first.1.weight"), phi * keep["1.first.0"])
