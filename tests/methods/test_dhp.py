"""Differentiable pruning via hypernetworks: the generated weights, the proximal operator, and when the search ends."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from benchmarks.training.trainer import Trainer
from methods import dhp
from tests.kinds import KINDS, settled

MakeTrainer = Callable[..., Trainer]


def hyper_of(net: nn.Module, trainer: Trainer) -> dhp.Hypernetwork:
    return dhp.Hypernetwork(net, trainer.groups, 8, torch.Generator().manual_seed(0))


@given(st.floats(-3, 3), st.floats(0, 2))
def test_the_proximal_step_is_the_minimum_that_defines_it(start: float, threshold: float) -> None:
    """argmin over z of (z - start)^2 / 2 + threshold * |z|, on a fine grid."""
    latents = nn.ParameterList([torch.tensor([start, 9.0, 9.0, 9.0, 9.0, 9.0])])
    dhp.proximal(latents, threshold)
    grid = torch.linspace(-3, 3, 60_001, dtype=torch.float64)
    best = grid[((grid - start).square() / 2 + threshold * grid.abs()).argmin()]
    assert latents[0][0].item() == pytest.approx(best.item(), abs=2e-4)


def test_an_element_of_the_weights_is_the_embedded_product_of_two_latent_elements() -> None:
    layer = dhp.Layer(torch.Size((3, 2, 5, 5)), 8, torch.Generator().manual_seed(0))
    for bias in layer.bias:
        nn.init.normal_(bias)
    outputs, inputs = torch.randn(3), torch.randn(2)
    o, i = 2, 1
    product = outputs[o] * inputs[i] + layer.bias[0][o, i]
    kernel = layer.explode[o, i] @ (product * layer.embed[o, i] + layer.bias[1][o, i]) + layer.bias[2][o, i]
    assert torch.allclose(layer(outputs, inputs)[o, i].flatten(), kernel, atol=1e-5)


def test_generated_weights_begin_with_the_variance_of_one_over_the_fan_in() -> None:
    layer = dhp.Layer(torch.Size((64, 64, 3, 3)), 8, torch.Generator().manual_seed(0))
    weights = layer(torch.ones(64), torch.ones(64))
    assert weights.var().item() == pytest.approx(1 / (64 * 9), rel=0.1)


@pytest.mark.parametrize("of", KINDS)
def test_a_zero_in_a_groups_vector_takes_the_channel_out_of_all_its_writers_and_readers(
    of: str, make_trainer: MakeTrainer
) -> None:
    """While the biases are 0, as at the start: exactly these weights are 0, and no others."""
    net = KINDS[of]()
    trainer = make_trainer(net)
    hyper = hyper_of(net, trainer)
    group, latent = trainer.groups[-1], hyper.latents[-1]
    latent.data[0] = 0.0
    zero = {name: torch.zeros(weight.shape, dtype=torch.bool) for name, weight in hyper().items()}
    for site in group.writers:
        zero[f"{site.module}.weight"][site.index[0]] = True
    for site in group.readers:
        if (name := f"{site.module}.weight") in zero:
            at = site.index[0]
            zero[name][:, at[at < zero[name].shape[1]]] = True
    for name, weight in hyper().items():
        assert torch.equal(weight == 0, zero[name]), name


def test_gradients_reach_the_latent_vectors_and_every_part_of_the_hypernetwork(make_trainer: MakeTrainer) -> None:
    net = KINDS["residual"]()
    trainer = make_trainer(net)
    hyper = hyper_of(net, trainer)
    trainer.loss(net, next(iter(trainer.data["train"].batches(32))), hyper()).backward()
    used = [*hyper.latents.parameters(), *hyper.layers.parameters()]
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in used)
    assert net.get_parameter("1.first.0.weight").grad is None, "the network's own weights are replaced"
    assert net.get_parameter("1.first.1.weight").grad is not None, "norms are the network's own"


def test_a_vector_with_four_elements_left_is_not_pushed_further() -> None:
    latents = nn.ParameterList([torch.tensor([1.0, -1.0, 1.0, 1.0, 1e-3]), torch.ones(5)])
    dhp.proximal(latents, 0.25)
    assert latents[0].tolist() == pytest.approx([1.0, -1.0, 1.0, 1.0, 1e-3])
    assert latents[1].tolist() == [0.75] * 5


def test_the_four_largest_elements_of_a_vector_stay(make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where all of its elements are smaller than those of the other vectors."""

    def make(*args: object, of: type = dhp.Hypernetwork) -> dhp.Hypernetwork:
        hyper = of(*args)
        hyper.latents[2].data.mul_(0.02)
        return hyper

    monkeypatch.setattr(dhp, "Hypernetwork", make)
    net = KINDS["residual"]()
    trainer = make_trainer(net, target=0.5)
    assert dhp.learn(net, trainer, dhp.Knobs())[trainer.groups[2].name].sum() == 4


def test_a_whole_search_takes_the_papers_length_off_an_element(
    make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """782 steps an epoch at 0.1, 0.01 and 0.001, times 3e-4."""
    for epochs in (4, 12):
        taken: list[float] = []
        with monkeypatch.context() as patch:
            patch.setattr(dhp, "proximal", lambda latents, threshold, to=taken: to.append(threshold))
            net = KINDS["residual"]()
            dhp.learn(net, make_trainer(net, epochs, target=0.5), dhp.Knobs(every=1.0))
        assert sum(taken) == pytest.approx(3e-4 * 782 * (20 * 0.1 + 30 * 0.01 + 50 * 0.001), rel=1e-3)


@pytest.mark.decides
def test_latent_vectors_learn_from_the_loss(make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the proximal steps nothing else moves them: the loss decides which elements are small."""
    made: list[tuple[dhp.Hypernetwork, list[torch.Tensor]]] = []

    def make(*args: object, of: type = dhp.Hypernetwork) -> dhp.Hypernetwork:
        hyper = of(*args)
        made.append((hyper, [z.detach().clone() for z in hyper.latents]))
        return hyper

    monkeypatch.setattr(dhp, "Hypernetwork", make)
    net = KINDS["residual"]()
    dhp.learn(net, make_trainer(net, target=0.5), dhp.Knobs(penalty=0.0))
    ((hyper, before),) = made
    assert all((z - old).abs().max() > 1e-3 for z, old in zip(hyper.latents, before, strict=True))


def looked(make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch, penalty: float) -> tuple[float, float]:
    """Epochs that the search took of 4, and the mean size of the latent elements behind it."""
    made: list[dhp.Hypernetwork] = []
    with monkeypatch.context() as patch:
        patch.setattr(dhp, "Hypernetwork", lambda *args, of=dhp.Hypernetwork: (made.append(of(*args)), made[0])[1])
        torch.manual_seed(0)
        net = settled(KINDS["residual"]())
        trainer = make_trainer(net, epochs=8, target=0.5)
        dhp.learn(net, trainer, dhp.Knobs(penalty=penalty, every=1.0))
    return 8 - trainer.epochs, torch.cat([*made[0].latents]).abs().mean().item()


def test_the_search_ends_when_the_target_is_reached_or_its_share_is_spent(
    make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    none, weak, strong = (looked(make_trainer, monkeypatch, penalty) for penalty in (0.0, 1e-4, 1e-2))
    assert none[0] == weak[0] == 4.0 and strong[0] == 1.0
    assert none[1] > weak[1] + 0.05 and weak[1] > strong[1] + 0.05


def test_what_goes_has_the_smallest_latent_elements_of_all_groups_and_the_weights_are_generated(
    make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[dhp.Hypernetwork] = []
    monkeypatch.setattr(dhp, "Hypernetwork", lambda *args, of=dhp.Hypernetwork: (made.append(of(*args)), made[0])[1])
    net = KINDS["residual"]()
    trainer = make_trainer(net, target=0.5)
    keep = dhp.learn(net, trainer, dhp.Knobs())
    size = torch.cat([latent.detach().abs() for latent in made[0].latents])
    kept = torch.cat([keep[g.name] for g in trainer.groups])
    assert size[~kept].max() < size[kept].median()
    assert all(torch.equal(net.get_parameter(name), weight) for name, weight in made[0]().items())


def test_the_hypernetworks_own_macs_are_charged(make_trainer: MakeTrainer) -> None:
    net = KINDS["plain"]()
    trainer = make_trainer(net, target=0.5)
    dhp.learn(net, trainer, dhp.Knobs(share=0.5, penalty=0.0))
    weights = {"0": (8, 9), "3": (16 * 8, 9), "7": (64 * 20, 1)}
    own = sum(pairs * (1 + 8 + 8 * kernel) for pairs, kernel in weights.values())
    assert trainer.spent["learn"].macs == 3 * 6 * (own + 32 * trainer.macs(trainer.everything()))
