"""OBD-C: weight^2 times the Fisher diagonal, summed over a filter."""

from __future__ import annotations

from collections.abc import Callable
from unittest.mock import Mock

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch_pruning.pruner.importance import OBDCImportance

from benchmarks.training.trainer import Trainer
from methods import l1, obd
from tests.kinds import KINDS, settled
from tests.methods.peer import assert_equal, bare, handed_scores, library_scores, two_layers

IMAGES = torch.randn(6, 1, 8, 8, generator=torch.Generator().manual_seed(1))


def one_by_one(net: nn.Module, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """The squared gradients of single images, summed, by a loop."""
    squares = {name: torch.zeros_like(parameter) for name, parameter in net.named_parameters()}
    for image, label in zip(images, labels, strict=True):
        net.zero_grad()
        F.cross_entropy(net(image[None]), label[None]).backward()
        for name, parameter in net.named_parameters():
            squares[name] += parameter.grad.square()
    return squares


@pytest.mark.parametrize("kind", ["plain", "residual", "grouped"])
def test_gradients_are_of_single_images_and_labels_are_the_networks_own(kind: str) -> None:
    net = settled(KINDS[kind](classes=3))
    draws = torch.tensor([0.0, 0.2, 0.4, 0.6, 0.8, 0.999])
    cumulated = net(IMAGES).softmax(1).cumsum(1)
    labels = torch.tensor(
        [next(c for c in range(3) if c == 2 or d < row[c]) for row, d in zip(cumulated, draws, strict=True)]
    )
    assert len(labels.unique()) > 1
    weights = {name: p.detach() for name, p in net.named_parameters() if name.endswith("weight")}
    found = obd.squared_gradients(net, weights, IMAGES, draws)
    expected = one_by_one(net, IMAGES, labels)
    for name, squares in found.items():
        torch.testing.assert_close(squares, expected[name], rtol=1e-4, atol=1e-6)


def test_a_large_filter_that_nobody_reads_goes_first(make_trainer: Callable[..., Trainer]) -> None:
    net = two_layers()
    with torch.no_grad():
        net[1].weight[:5] *= 100
        net[3].weight[:, :5] = 0
    keep = obd.learn(net, make_trainer(net, target=0.9), obd.Knobs())
    assert not keep["1"][:5].any()
    assert l1.learn(net, make_trainer(net, target=0.9), l1.Knobs())["1"][:5].all()


def test_a_stream_is_the_sum_over_all_its_writers(
    make_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        obd, "squared_gradients", lambda net, weights, *_: {n: torch.ones_like(w) for n, w in weights.items()}
    )
    net = settled(KINDS["residual"]())
    trainer = make_trainer(net, target=0.5)
    group = next(g for g in trainer.groups if len(g.writers) == 3)
    squares = [net.get_submodule(s.module).weight.detach().square().sum((1, 2, 3)) for s in group.writers]
    torch.testing.assert_close(handed_scores(obd, net, trainer)[group.name], torch.stack(squares).sum(0))


def test_no_layer_loses_more_than_the_authors_limit(
    make_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a layer in which everything is unimportant, a twentieth stays."""
    net = two_layers()
    size = {"1.weight": 1e-9}
    monkeypatch.setattr(
        obd,
        "squared_gradients",
        lambda net, weights, *_: {n: torch.full_like(w, size.get(n, 1.0)) for n, w in weights.items()},
    )
    keep = obd.learn(net, make_trainer(net, target=0.05), obd.Knobs())["1"]
    assert keep.sum() == round(0.05 * len(keep))


def test_it_agrees_with_torch_pruning_on_a_plain_network(
    make_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given the same images and labels. Its sum over the images is ours."""
    net = settled(bare())
    spy = Mock(side_effect=obd.squared_gradients)
    monkeypatch.setattr(obd, "squared_gradients", spy)
    trainer = make_trainer(net, target=0.5)
    scores = handed_scores(obd, net, trainer)
    ((_, _, images, draws),) = [call.args for call in spy.call_args_list]
    importance = OBDCImportance(group_reduction="first", normalizer=None, num_classes=2)
    importance.modules = [net.get_submodule(group.name) for group in trainer.groups]
    for module in importance.modules:
        module.register_forward_pre_hook(importance._save_input)
        module.register_full_backward_hook(lambda m, inputs, outputs: importance.DS.update({m: outputs[0].data}))
    net.zero_grad()
    logits = net(images.clone().requires_grad_())
    labels = (logits.softmax(1).cumsum(1)[:, :-1] <= draws[:, None]).sum(1)
    F.cross_entropy(logits, labels).backward()
    importance.step()
    assert_equal(scores, library_scores(importance, net, trainer))


def test_it_is_charged_for_batches_and_for_the_pass_beside_them(make_trainer: Callable[..., Trainer]) -> None:
    net = settled(KINDS["residual"]())
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    trainer = make_trainer(net, target=0.5)
    obd.learn(net, trainer, obd.Knobs())
    assert (trainer.step, trainer.spent["learn"].macs) == (1, 4 * 32 * trainer.image_macs)
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
