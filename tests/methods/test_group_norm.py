"""Group norm: a strength a channel, on all that is coupled."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from benchmarks.training.trainer import Trainer
from methods import group_norm
from methods.core import lengths
from methods.core.coupled import coupled, squares
from tests.conftest import RECIPE
from tests.kinds import KINDS, settled


class SeenError(Exception):
    """The method has handed its penalty over."""


def test_the_strength_goes_from_one_to_two_to_the_alpha() -> None:
    importance = torch.tensor([1.0, 3.0, 5.0])
    assert group_norm.strength(importance, 4.0).tolist() == [16.0, 4.0, 1.0]
    assert group_norm.strength(torch.ones(3), 4.0).tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("of", ["plain", "residual", "concatenating", "depthwise", "grouped"])
def test_the_gradient_is_strength_times_weight_in_every_coupled_layer(
    of: str, make_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A weight that two groups share (what one writes the other reads) has the sum of both. Norms have theirs too."""
    net = settled(KINDS[of]())
    trainer = make_trainer(net, target=0.5)

    def fit(net: nn.Module, epochs: float, **given: Callable[[], torch.Tensor]) -> None:
        given["penalty"]().backward()
        raise SeenError

    monkeypatch.setattr(trainer, "fit", fit)
    with pytest.raises(SeenError):
        group_norm.learn(net, trainer, group_norm.Knobs(penalty=0.1))
    expected = {name: torch.zeros_like(p) for name, p in net.named_parameters()}
    modules = dict(net.named_modules())
    for group in trainer.groups:
        gamma = group_norm.strength(squares(coupled(net, group)).detach(), 4.0)
        for channel in range(group.size):
            for site in group.writers + group.norms:
                rows = site.index[channel]
                weight = modules[site.module].weight.detach()
                expected[f"{site.module}.weight"][rows] += 0.1 * gamma[channel] * weight[rows]
            for site in group.readers:
                layer = modules[site.module]
                fan = layer.weight.shape[1]
                for column in site.index[channel].tolist():
                    blocks = getattr(layer, "groups", 1)
                    rows = torch.arange(len(layer.weight)).view(blocks, -1)[column // fan]
                    at = (rows, column % fan)
                    expected[f"{site.module}.weight"][at] += 0.1 * gamma[channel] * layer.weight.detach()[at]
    for name, parameter in net.named_parameters():
        gradient = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        assert torch.allclose(gradient, expected[name], atol=1e-5), name
    assert all(m.weight.grad.any() for m in net.modules() if isinstance(m, nn.BatchNorm2d))


@pytest.mark.parametrize(("lr", "product"), [(0.1, None), (2e3, 5e-4 * 391 * (0.01 * 60 + 0.001 * 20 + 0.0001 * 20))])
def test_the_decay_moves_no_further_than_the_authors(
    lr: float, product: float | None, make_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a tenth of the rate. In a short run the decay is theirs; at a high rate its product with the rates is."""
    net, terms = settled(KINDS["plain"]()), {}
    trainer = make_trainer(net, target=0.5, recipe=RECIPE.model_copy(update={"lr": lr}))
    monkeypatch.setattr(trainer, "fit", lambda _, epochs, **given: terms.update(given, epochs=epochs))
    group_norm.learn(net, trainer, group_norm.Knobs(alpha=0.0))
    decay = 2 * terms["penalty"]().item() / sum(squares(coupled(net, g)).sum().item() for g in trainer.groups)
    assert terms["lr"] == pytest.approx(lr / 10)
    rates = trainer.lr_sum(terms["epochs"], lr / 10)
    assert decay * rates == pytest.approx(product or 5e-4 * rates, rel=0.01)


def test_the_filters_are_as_long_as_before(make_trainer: Callable[..., Trainer]) -> None:
    """In front of norms, where the steps of fine-tuning go with the inverse square of it."""
    net = settled(KINDS["plain"]())
    trainer = make_trainer(net, epochs=8, target=0.5)
    before = [layer.weight.flatten(1).norm(dim=1) for layer, _ in lengths.normed(net, trainer.example)]
    group_norm.learn(net, trainer, group_norm.Knobs(penalty=0.1))
    after = [layer.weight.flatten(1).norm(dim=1) for layer, _ in lengths.normed(net, trainer.example)]
    torch.testing.assert_close(after, before)


def test_the_readers_count_where_the_filters_alone_would_choose_otherwise(make_trainer: Callable[..., Trainer]) -> None:
    net = settled(KINDS["residual"]())
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.fill_(0.1)
        first, second = net[1].first[0], net[1].second[0]
        first.weight[:8] = 0.12  # long filters, which nobody reads
        second.weight[:, :8] = 0.0
    keep = group_norm.learn(net, make_trainer(net, target=0.5), group_norm.Knobs(share=0, ranking="uniform"))
    assert keep["1.first.0"][8:].all()
    assert not keep["1.first.0"][:8].all()


def test_the_gap_between_channels_grows(make_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch) -> None:
    """A uniform decay of the same network keeps the channels' proportions; the strengths do not."""
    spread, scores = {}, {}
    monkeypatch.setattr(group_norm, "keep_by_rank", lambda found, *_: scores.update(found))
    for alpha in (0.0, 8.0):
        torch.manual_seed(0)
        net = settled(KINDS["residual"]())
        trainer = make_trainer(net, epochs=8, target=0.5)
        group_norm.learn(net, trainer, group_norm.Knobs(penalty=2e-3, alpha=alpha, share=1.0))
        spread[alpha] = sum(score.min().item() for score in scores.values())
    assert spread[8.0] < 0.8 * spread[0.0]


@pytest.mark.parametrize("ranking", ["uniform", "global"])
def test_a_dead_group_goes_first(ranking: str, make_trainer: Callable[..., Trainer]) -> None:
    """All of its weights are zero, in writers, norm and readers: 0 / 0 would rank it last."""
    assert group_norm.relative(torch.zeros(3)).tolist() == [0.0, 0.0, 0.0]
    net = settled(KINDS["residual"]())
    with torch.no_grad():
        for part in (net[1].first, net[1].second[0]):
            for parameter in part.parameters():
                parameter.zero_()
    keep = group_norm.learn(net, make_trainer(net, target=0.6), group_norm.Knobs(share=0, ranking=ranking))
    assert keep["1.first.0"].sum() <= (2 if ranking == "global" else 12)


@pytest.mark.decides
def test_what_the_training_left_is_ranked(
    make_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The smallest channels of the trained network go, not those that were small before."""
    net = settled(KINDS["residual"]())
    trainer, first = make_trainer(net, target=0.6), net[1].first[0]

    @torch.no_grad()
    def fit(*_: object, **__: object) -> None:
        first.weight[:8] *= 0.01
        first.weight[8:] *= 3

    monkeypatch.setattr(trainer, "fit", fit)
    keep = group_norm.learn(net, trainer, group_norm.Knobs(ranking="uniform"))["1.first.0"]
    assert keep[8:].all() and not keep[:8].all()
