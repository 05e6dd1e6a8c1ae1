"""ResRep: compactors that forget on command, and that merge without a trace."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import nn

from benchmarks import registry
from benchmarks.training.trainer import Trainer
from methods import resrep
from methods.core.api import Unsupported
from tests.conftest import RECIPE
from tests.kinds import KINDS, settled
from tests.methods.descent import descent, steps_to_zero

IMAGES = torch.randn(16, 1, 8, 8, generator=torch.Generator().manual_seed(3))


def equipped(
    of: str, make_trainer: Callable[..., Trainer], *, random: bool = True
) -> tuple[nn.Module, Trainer, dict[str, resrep.Place]]:
    """A settled network, and its compactors with random matrices (else the identity)."""
    net = settled(KINDS[of]())
    trainer = make_trainer(net, target=0.5)
    places = {g.name: place for g in trainer.groups if (place := resrep.place_for(net, g))}
    generator = torch.Generator().manual_seed(1)
    for _, _, compactor in places.values():
        if random:
            nn.init.normal_(compactor.weight, 0, 0.5, generator=generator)
        compactor.running_var.uniform_(0.5, 2, generator=generator)
        compactor.eval()
    return net, trainer, places


@pytest.mark.parametrize(
    ("of", "with_one"),
    [
        ("plain", ["7", "3", "0"]),  # without norm: convolutions and a linear layer with biases
        ("residual", ["0.0", "1.first.0", "2.first.0"]),  # not the stream that two blocks write
        ("depthwise", ["3.0"]),  # not the stream, nor what a depthwise layer writes too
        ("concatenating", ["6.0"]),  # not what is a slice of a later norm
        ("grouped", ["2.0"]),
    ],
)
def test_compactors_stand_where_they_can_be_merged(
    of: str, with_one: list[str], make_trainer: Callable[..., Trainer]
) -> None:
    _, _, places = equipped(of, make_trainer)
    assert list(places) == with_one


@pytest.mark.parametrize("of", ["plain", "residual", "depthwise", "concatenating", "grouped"])
def test_merging_changes_nothing(of: str, make_trainer: Callable[..., Trainer]) -> None:
    net, trainer, places = equipped(of, make_trainer)
    plain = net(IMAGES)
    with resrep.attached(places, trainer):
        expected = net(IMAGES)
    assert not torch.allclose(expected, plain, rtol=1e-2, atol=1e-2), "the compactors were there"
    for layer, norm, compactor in places.values():
        resrep.merge(layer, norm, compactor, torch.zeros(len(compactor.weight), dtype=torch.bool))
    assert torch.allclose(net(IMAGES), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("of", ["plain", "residual"])
def test_rows_that_are_gone_are_the_smaller_network(of: str, make_trainer: Callable[..., Trainer]) -> None:
    net, trainer, places = equipped(of, make_trainer)
    keep = resrep.choose(places, trainer, "global")
    with torch.no_grad():
        for name, (_, _, compactor) in places.items():
            compactor.weight[~keep[name]] = 0
    with resrep.attached(places, trainer):
        expected = net(IMAGES)
    for name, (layer, norm, compactor) in places.items():
        resrep.merge(layer, norm, compactor, ~keep[name])
    assert torch.allclose(trainer.structure.shrink(net, keep)(IMAGES), expected, rtol=1e-4, atol=1e-4)
    assert torch.allclose(net(IMAGES), expected, rtol=1e-4, atol=1e-4)


def test_the_merged_norm_does_the_same_in_training_mode(make_trainer: Callable[..., Trainer]) -> None:
    """On images with the statistics that were tracked. Not to the bit: a norm divides by n, and keeps what it divides
    by n - 1."""
    net, trainer, places = equipped("residual", make_trainer)
    net.train()
    for _, norm, compactor in places.values():
        norm.momentum = compactor.momentum = 1.0
        compactor.train()
    with resrep.attached(places, trainer), torch.no_grad():
        expected = net(IMAGES)
    for layer, norm, compactor in places.values():
        resrep.merge(layer, norm, compactor, torch.zeros(len(compactor.weight), dtype=torch.bool))
    assert torch.allclose(net(IMAGES), expected, rtol=0.02, atol=0.02)


def test_the_losss_gradient_is_reset_on_chosen_rows_alone(make_trainer: Callable[..., Trainer]) -> None:
    _, _, places = equipped("residual", make_trainer)
    compactors = nn.ModuleList(c for _, _, c in places.values())
    optimizer = torch.optim.SGD(compactors.parameters(), lr=0.1)
    before = [c.weight.detach().clone() for c in compactors]
    chosen = {name: torch.arange(len(c.weight)) < 4 for name, (_, _, c) in places.items()}
    for compactor in compactors:
        compactor.weight.grad = torch.full_like(compactor.weight, 3.0)
    for settings in optimizer.param_groups:
        settings["momentum"] = 0.99
    resrep.forget(places, chosen, optimizer, lasso=0.2, raised=0.4)
    for compactor, old in zip(compactors, before, strict=True):
        penalty = 0.2 * old / old.norm(dim=1, keepdim=True)
        assert torch.allclose(compactor.weight[:4], (old - 0.1 * 2 * penalty)[:4], atol=1e-6)
        assert torch.allclose(compactor.weight[4:], (old - 0.1 * (3 + penalty))[4:], atol=1e-6)
        assert compactor.weight.grad is None


def test_a_chosen_row_reaches_zero_within_its_steps_and_stays(make_trainer: Callable[..., Trainer]) -> None:
    _, _, places = equipped("residual", make_trainer, random=False)
    compactors = nn.ModuleList(c for _, _, c in places.values())
    for steps in (20, 2000):
        for compactor in compactors:
            nn.init.eye_(compactor.weight)
        optimizer = torch.optim.SGD(compactors.parameters(), lr=0.01, momentum=0.99)
        chosen = {name: torch.arange(len(c.weight)) < 4 for name, (_, _, c) in places.items()}
        for _ in range(steps):
            for compactor in compactors:
                compactor.weight.grad = torch.full_like(compactor.weight, 1e-3)
            resrep.forget(places, chosen, optimizer, lasso=1e-6, raised=(8 / steps**2 + 0.02 / steps) / 0.01)
        for compactor in compactors:
            assert not compactor.weight[:4].any()
            assert compactor.weight[4:].norm(dim=1).min() > 0.5


@pytest.mark.decides
def test_in_a_run_what_goes_has_forgotten_and_what_stays_has_not(
    make_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = []
    merge = resrep.merge
    monkeypatch.setattr(
        resrep,
        "merge",
        lambda layer, norm, c, gone: (rows.append((c.weight.detach().norm(dim=1), gone)), merge(layer, norm, c, gone)),
    )
    net = settled(KINDS["residual"]())
    keep = resrep.learn(net, make_trainer(net, epochs=20, target=0.5), resrep.Knobs(share=1.0))
    assert sum(int(gone.sum()) for _, gone in rows) == sum(int((~mask).sum()) for mask in keep.values()) > 0
    for norms, gone in rows:
        assert not norms[gone].any()
        assert norms[~gone].min() > 0.3


@pytest.mark.parametrize("ranking", ["uniform", "global"])
def test_streams_keep_all_of_their_channels(ranking: str, make_trainer: Callable[..., Trainer]) -> None:
    net = settled(KINDS["residual"]())
    keep = resrep.learn(net, make_trainer(net, target=0.5), resrep.Knobs(ranking=ranking))
    assert {name for name, mask in keep.items() if not mask.all()} == {"0.0", "1.first.0", "2.first.0"}


def test_uniform_takes_the_same_share_of_every_group_with_a_compactor(make_trainer: Callable[..., Trainer]) -> None:
    _, trainer, places = equipped("residual", make_trainer)
    with torch.no_grad():
        places["1.first.0"][2].weight.mul_(100)  # by one threshold none of these would go
    gone = {}
    for ranking in ("uniform", "global"):
        keep = resrep.choose(places, trainer, ranking)
        gone[ranking] = [(~keep[name]).float().mean().item() for name in ("1.first.0", "2.first.0")]
    assert gone["uniform"][0] == pytest.approx(gone["uniform"][1], abs=1.1 / 16)
    assert gone["global"][0] < gone["global"][1] - 0.3


def test_it_refuses_what_its_layers_cannot_reach_before_it_trains(make_trainer: Callable[..., Trainer]) -> None:
    net = KINDS["depthwise"]()
    trainer = make_trainer(net, target=0.5)
    with pytest.raises(Unsupported, match="compactor"):
        resrep.learn(net, trainer, resrep.Knobs())
    assert trainer.step == 0


def test_it_refuses_a_norm_that_does_not_follow_its_layer_at_once(make_trainer: Callable[..., Trainer]) -> None:
    for inplace in (False, True):
        net = KINDS["plain"]()
        net[1] = nn.Sequential(nn.ReLU(inplace=inplace), nn.BatchNorm2d(8))
        trainer = make_trainer(net, target=0.5)
        with pytest.raises(Unsupported, match="between"):
            resrep.learn(net, trainer, resrep.Knobs())


def test_compactors_are_charged(make_trainer: Callable[..., Trainer]) -> None:
    net, trainer, places = equipped("plain", make_trainer)
    before = copy.copy(trainer.budget.phase_cost)
    with resrep.attached(places, trainer):
        net(IMAGES[:2])
    assert trainer.budget.phase_cost.macs - before.macs == 3 * 2 * (8 * 8 * 8 * 8 + 16 * 16 * 4 * 4 + 20 * 20)


def forgotten(
    make_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch, epochs: int, **knobs: float
) -> tuple[list[float], list[float], list[float], set[tuple[float, bool]]]:
    """Of every step of a run: the lasso, that of chosen rows and the learning rate; and the optimizer's settings."""
    strengths, chosens, rates, settings = [], [], [], set()
    forget = resrep.forget

    def spy(places: dict, chosen: dict, optimizer: torch.optim.Optimizer, lasso: float, raised: float) -> None:
        strengths.append(lasso)
        chosens.append(raised)
        rates.append(optimizer.param_groups[0]["lr"])
        settings.add((optimizer.param_groups[0]["momentum"], optimizer.param_groups[0]["nesterov"]))
        forget(places, chosen, optimizer, lasso, raised)

    with monkeypatch.context() as patch:
        patch.setattr(resrep, "forget", spy)
        net = settled(KINDS["residual"]())
        resrep.learn(net, make_trainer(net, epochs=epochs, target=0.5), resrep.Knobs(**knobs))
    return strengths, chosens, rates, settings


def test_a_row_that_is_not_needed_is_at_zero_halfway_by_a_higher_rate_and_not_by_a_stronger_lasso(
    make_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    for epochs in (30, 40):
        strengths, _, rates, settings = forgotten(make_trainer, monkeypatch, epochs, lasso=0.08)
        assert set(strengths) == {0.08} and settings == {(0.99, False)}
        assert 0.01 < max(rates) < RECIPE.lr
        assert steps_to_zero(1.0, 0.08, rates, 0.99) == pytest.approx(len(rates) / 2, rel=0.12)


def test_the_rate_is_the_recipes_at_most_and_chosen_rows_feel_the_rest_of_the_lasso(
    make_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    strengths, chosens, rates, _ = forgotten(make_trainer, monkeypatch, epochs=20)
    assert set(strengths) == {1e-4} and max(rates) == pytest.approx(RECIPE.lr, rel=0.01)
    assert steps_to_zero(1.0, min(chosens), rates, 0.99) <= 0.56 * len(rates)


def test_the_first_rows_are_chosen_when_one_that_is_not_needed_has_shrunk_as_far_as_the_authors(
    make_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """1e-4 times 0.01 over 5 epochs of 782 steps, a hundredfold by momentum: 0.39."""
    _, _, rates, _ = forgotten(make_trainer, monkeypatch, epochs=40, lasso=0.08)
    *_, row = descent(1.0, 0.08, rates[: round(resrep.Knobs.begin * len(rates))], 0.99)
    assert row == pytest.approx(1 - 0.39, abs=0.15)


@pytest.mark.parametrize("of", ["residual", "depthwise", "grouped"])
def test_filters_in_front_of_a_norm_keep_their_length(of: str, make_trainer: Callable[..., Trainer]) -> None:
    """The steps of fine-tuning go with the inverse square of it."""
    _, _, places = equipped(of, make_trainer)
    for layer, norm, compactor in places.values():
        before, gone = layer.weight.flatten(1).norm(dim=1), torch.arange(len(compactor.weight)) == 0
        resrep.merge(layer, norm, compactor, gone)
        after = layer.weight.flatten(1).norm(dim=1)
        assert norm is not None and not after[0]
        torch.testing.assert_close(after[1:], before[1:])


@pytest.mark.parametrize("knob", [{"end": 1.0}, {"share": 0.0}, {"choices": 0}, {"momentum": 1.0}])
def test_planning_refuses_knobs_that_leave_no_step(knob: dict[str, float]) -> None:
    ((name, value),) = knob.items()
    assert not registry.fits(registry.card("resrep"), name, value)


def test_rows_cannot_be_chosen_before_they_begin_to_be(make_trainer: Callable[..., Trainer]) -> None:
    net = settled(KINDS["residual"]())
    with pytest.raises(Unsupported, match=r"begin = 0\.5"):
        resrep.learn(net, make_trainer(net, target=0.5), resrep.Knobs(begin=0.5, end=0.2))
