"""Taylor: the squared gradient of a gate behind every channel's norm."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F
from torch_pruning.pruner.importance import TaylorImportance

from benchmarks.training.trainer import Trainer
from methods import l1, taylor
from methods.core.api import Batch
from tests.kinds import KINDS, settled
from tests.methods.peer import assert_equal, bare, handed_scores, library_scores, two_layers


def batches_of(trainer: Trainer, net: nn.Module, count: int) -> list[Batch]:
    """The first that this trainer hands out."""
    handed = []
    for batch in trainer.batches(count / trainer.epoch_steps):
        with torch.no_grad():
            trainer.loss(net, batch)
        handed.append(batch)
    return handed


def backward(net: nn.Module, batch: Batch) -> None:
    net.zero_grad()
    F.cross_entropy(net(batch.images), batch.labels).backward()


def test_a_small_filter_that_the_loss_depends_on_stays(make_trainer: Callable[..., Trainer]) -> None:
    net = two_layers()
    with torch.no_grad():
        net[1].weight[:5] *= 0.05
        net[1].bias[:5] *= 0.05
        net[3].weight[:, :5] *= 1000
    keep = taylor.learn(net, make_trainer(net, target=0.9), taylor.Knobs())
    assert keep["1"][:5].all()
    assert not l1.learn(net, make_trainer(net, target=0.9), l1.Knobs())["1"][:5].any()


def test_scores_are_squared_for_each_batch_and_then_summed(make_trainer: Callable[..., Trainer]) -> None:
    net = settled(KINDS["plain"]())
    expected = torch.zeros(8)
    for batch in batches_of(make_trainer(net, epochs=10), net, 3):
        backward(net, batch)
        weight, bias = net[0].weight, net[0].bias
        expected += ((weight * weight.grad).sum((1, 2, 3)) + bias * bias.grad).square().detach()
    trainer = make_trainer(net, epochs=10, target=0.5)
    torch.testing.assert_close(handed_scores(taylor, net, trainer)["0"], expected)
    assert trainer.step == 3, "a tenth of the budget"


def test_a_stream_has_one_gate_behind_the_norms_of_all_its_branches(make_trainer: Callable[..., Trainer]) -> None:
    net = settled(KINDS["residual"]())
    (batch,) = batches_of(make_trainer(net), net, 1)
    backward(net, batch)
    trainer = make_trainer(net, target=0.5)
    group = next(g for g in trainer.groups if len(g.writers) == 3)
    norms = [net.get_submodule(site.module) for site in group.gates]
    assert len(norms) == 3 and all(isinstance(norm, nn.BatchNorm2d) for norm in norms)
    parts = [norm.weight * norm.weight.grad + norm.bias * norm.bias.grad for norm in norms]
    scores = handed_scores(taylor, net, trainer)
    torch.testing.assert_close(scores[group.name], torch.stack(parts).sum(0).square().detach())


def test_it_agrees_with_torch_pruning_on_a_plain_network(make_trainer: Callable[..., Trainer]) -> None:
    """Which takes the absolute value of one batch's sum."""
    net = settled(bare())
    (batch,) = batches_of(make_trainer(net), net, 1)
    trainer = make_trainer(net, target=0.5)
    ours = {name: score.sqrt() for name, score in handed_scores(taylor, net, trainer).items()}
    backward(net, batch)
    importance = TaylorImportance(multivariable=True, group_reduction="first", normalizer=None)
    assert_equal(ours, library_scores(importance, net, trainer))


def test_it_changes_nothing_in_the_network_and_is_charged_for_its_batches(make_trainer: Callable[..., Trainer]) -> None:
    net = settled(KINDS["residual"]())
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    trainer = make_trainer(net, target=0.5)
    taylor.learn(net, trainer, taylor.Knobs())
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    assert all(parameter.grad is None for parameter in net.parameters())
    assert (trainer.step, trainer.spent["learn"].macs) == (1, 3 * 32 * trainer.image_macs)
