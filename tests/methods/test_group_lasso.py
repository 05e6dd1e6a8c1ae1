"""Group lasso: a force of the same size on every filter."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from benchmarks.training.trainer import Trainer
from methods import group_lasso
from methods.core.coupled import coupled
from methods.core.ranking import writer_norm
from tests.kinds import KINDS, settled


@pytest.mark.parametrize("of", ["plain", "residual", "depthwise", "grouped", "concatenating"])
def test_the_gradient_on_a_channel_is_the_unit_vector_along_its_filters(
    of: str, make_trainer: Callable[..., Trainer]
) -> None:
    net = settled(KINDS[of]())
    trainer = make_trainer(net, target=0.5)
    group_lasso.lasso([coupled(net, g, norms=False, readers=False) for g in trainer.groups]).backward()
    modules = dict(net.named_modules())
    for group in trainer.groups:
        own = [modules[s.module].weight[s.index].flatten(1) for s in group.writers]
        gradient = [modules[s.module].weight.grad[s.index].flatten(1) for s in group.writers]
        length = torch.cat(own, 1).norm(dim=1, keepdim=True)
        assert torch.allclose(torch.cat(gradient, 1), torch.cat(own, 1) / length, atol=1e-6), group.name
    assert all(m.weight.grad is None for m in net.modules() if isinstance(m, nn.BatchNorm2d))


def test_a_filter_that_is_zero_has_a_finite_gradient(make_trainer: Callable[..., Trainer]) -> None:
    net = settled(KINDS["plain"]())
    with torch.no_grad():
        net[0].weight[2] = 0
    group_lasso.lasso([coupled(net, g, norms=False, readers=False) for g in make_trainer(net).groups]).backward()
    assert not net[0].weight.grad[2].any() and net[0].weight.grad.isfinite().all()


def test_small_filters_are_pulled_to_zero_before_large_ones(make_trainer: Callable[..., Trainer]) -> None:
    """An absolute force: a tenth of the length is gone ten times as soon. Weight decay would keep their ratio."""
    shrunk = {}
    for penalty in (0.0, 5 * group_lasso.Knobs.penalty):
        torch.manual_seed(0)
        net = settled(KINDS["plain"]())
        with torch.no_grad():
            net[0].weight[:4] *= 0.1
        trainer = make_trainer(net, epochs=24, target=0.5)
        group_lasso.learn(net, trainer, group_lasso.Knobs(penalty=penalty, share=1.0))
        norms = writer_norm(net, next(g for g in trainer.groups if g.name == "0"), p=2)
        shrunk[penalty] = (norms[:4].mean() / norms[4:].mean()).item()
    none, some = shrunk.values()
    assert some < 0.5 * none


def test_penalty_times_rates_is_the_papers_whatever_the_budget(
    make_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    for epochs in (2, 8):
        net, terms = settled(KINDS["plain"]()), {}
        trainer = make_trainer(net, epochs, target=0.5)
        monkeypatch.setattr(trainer, "fit", lambda _, epochs, to=terms, **given: to.update(given, epochs=epochs))
        group_lasso.learn(net, trainer, group_lasso.Knobs())
        norms = sum(writer_norm(net, g, p=2).sum().item() for g in trainer.groups)
        found = terms["penalty"]().item() / norms * trainer.lr_sum(terms["epochs"])
        assert found == pytest.approx(3e-3 * (260_000 * 1e-4 + 20_000 * 1e-5 + 20_000 * 1e-6), rel=0.01)


def test_weights_that_are_almost_zero_are_zero_behind_every_step(make_trainer: Callable[..., Trainer]) -> None:
    net = settled(KINDS["residual"]())
    with torch.no_grad():
        net[0][0].weight[0] = 5e-5
    weights = [net[0][0].weight]
    before = net[0][0].weight[1:].detach().clone()
    group_lasso.zero(weights)
    assert not net[0][0].weight[0].any()
    assert torch.equal(net[0][0].weight[1:][before.abs() >= 1e-4], before[before.abs() >= 1e-4])
    group_lasso.learn(net, make_trainer(net, 8, target=0.5), group_lasso.Knobs())
    assert all(m.weight[m.weight != 0].abs().min() >= 1e-4 for m in net.modules() if isinstance(m, nn.Conv2d))


def test_writers_are_averaged_where_groups_are_compared(make_trainer: Callable[..., Trainer]) -> None:
    """A stream of several writers has no more of a right to its channels than a layer of its own."""
    net = settled(KINDS["residual"]())
    with torch.no_grad():
        for layer in (m for m in net.modules() if isinstance(m, nn.Conv2d)):
            layer.weight.div_(layer.weight.flatten(1).norm(dim=1)[:, None, None, None])
            layer.weight.mul_(torch.linspace(1, 2, len(layer.weight))[:, None, None, None])
    trainer = make_trainer(net, target=0.5)
    keep = group_lasso.learn(net, trainer, group_lasso.Knobs(share=0, ranking="global"))
    removed = [(~mask).float().mean().item() for mask in keep.values()]
    assert max(removed) - min(removed) < 0.15


@pytest.mark.decides
def test_what_the_training_left_is_ranked(
    make_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The smallest filters of the trained network go, not those that were small before."""
    net = settled(KINDS["plain"]())
    trainer = make_trainer(net, target=0.5)
    filters = {group.name: net.get_submodule(group.writers[0].module).weight for group in trainer.groups}

    @torch.no_grad()
    def fit(*_: object, **__: object) -> None:
        for weight in filters.values():
            weight[::2] *= 0.01

    monkeypatch.setattr(trainer, "fit", fit)
    for name, mask in group_lasso.learn(net, trainer, group_lasso.Knobs(ranking="uniform")).items():
        assert mask[1::2].sum() == min(int(mask.sum()), len(mask[1::2])), name
