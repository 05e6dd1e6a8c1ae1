"""Networks of many widths: they meet the target, share weights, and are trained and scored as they should be."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional as F

from benchmarks.training.trainer import Trainer
from methods.core import gates, widths
from methods.core.api import Keep
from methods.core.ranking import TOLERANCE
from tests.conftest import RECIPE
from tests.kinds import KINDS, settled

MakeTrainer = Callable[..., Trainer]


def wide() -> nn.Module:
    """Two hidden layers of 100."""
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 100), nn.ReLU(), nn.Linear(100, 100), nn.ReLU(), nn.Linear(100, 2))


def counts(keep: Keep) -> list[int]:
    return [int(mask.sum()) for mask in keep.values()]


@pytest.mark.parametrize("shares", [(1.0, 1.0), (1.0, 2.0), (3.0, 1.0)])
def test_widths_are_proportional_to_the_shares_and_meet_the_target(
    make_trainer: MakeTrainer, shares: tuple[float, float]
) -> None:
    trainer = make_trainer(wide(), target=0.4)
    keep = widths.widths_for(torch.tensor(shares), trainer)
    assert abs(trainer.macs(keep) / trainer.macs(trainer.everything()) - 0.4) <= 0.4 * TOLERANCE
    one, other = counts(keep)
    if max(one, other) < 100:
        assert one / other == pytest.approx(shares[0] / shares[1], rel=0.05)
    else:  # a group has no more than all of its channels
        assert (one > other) == (shares[0] > shares[1])


@pytest.mark.parametrize("seed", range(5))
def test_the_first_channels_of_every_group_stay(make_trainer: MakeTrainer, seed: int) -> None:
    trainer = make_trainer(KINDS["residual"](), target=0.5)
    shares = torch.rand(len(trainer.groups), generator=torch.Generator().manual_seed(seed)) + 0.5
    keep = widths.widths_for(shares, trainer)
    assert all(torch.equal(mask, torch.arange(len(mask)) < mask.sum()) for mask in keep.values())


def test_only_candidates_that_can_meet_the_target_are_left(make_trainer: MakeTrainer) -> None:
    """The plain network's three coarse groups cannot be met in every proportion."""
    trainer = make_trainer(KINDS["plain"](), target=0.5)
    drawn = torch.randn(40, len(trainer.groups), generator=torch.Generator().manual_seed(0)).exp()
    left, keeps = widths.possible(drawn, trainer)
    assert 0 < len(left) == len(keeps) < 40
    for shares, keep in zip(left, keeps, strict=True):
        assert counts(keep) == counts(widths.widths_for(shares, trainer))
        assert trainer.macs(keep) / trainer.macs(trainer.everything()) == pytest.approx(0.5, rel=TOLERANCE)


def test_none_left_is_an_empty_list(make_trainer: MakeTrainer) -> None:
    left, keeps = widths.possible(torch.ones(3, 3), make_trainer(KINDS["plain"](), target=1e-6))
    assert left.shape == (0, 3) and keeps == []


@pytest.mark.parametrize("seed", range(3))
def test_random_widths_lie_between_the_narrowest_and_all(make_trainer: MakeTrainer, seed: int) -> None:
    trainer = make_trainer(wide(), target=0.5, run=("tiny", "wide", seed))
    drawn = torch.tensor([counts(widths.random_widths(trainer, 0.2)) for _ in range(50)])
    assert drawn.min() >= 20 and drawn.max() <= 100
    assert drawn.min() < 40 and drawn.max() > 80
    assert (drawn[:, 0] != drawn[:, 1]).any(), "each group has a width of its own"


@pytest.mark.parametrize("between", [0, 2])
def test_a_step_adds_the_gradients_of_the_sandwich(make_trainer: MakeTrainer, between: int) -> None:
    """The widest network learns the labels, the narrowest and the random ones what the widest puts out."""
    torch.manual_seed(0)
    net = KINDS["plain"]()
    recipe = RECIPE.model_copy(update={"warmup": 0.0, "momentum": 0.0, "weight_decay": 0.0})
    trainer, twin = (make_trainer(net, 1, recipe=recipe, target=0.5) for _ in range(2))
    before = {name: parameter.detach().clone() for name, parameter in net.named_parameters()}
    batch = next(iter(twin.batches(1)))
    narrow = [{g.name: torch.arange(g.size) < max(1, round(0.2 * g.size)) for g in twin.groups}]
    narrow += [widths.random_widths(twin, 0.2) for _ in range(between)]
    logits = net(batch.images)
    loss = F.cross_entropy(logits, batch.labels)
    for keep in narrow:
        narrower = gates.gated(net, twin.groups, widths.masks(net, keep), batch.images)
        loss = loss + F.cross_entropy(narrower, logits.detach().softmax(1))
    gradients = torch.autograd.grad(loss, list(net.parameters()))
    widths.train_slimmable(net, trainer, 1 / 3, narrowest=0.2, between=between)
    for (name, parameter), gradient in zip(net.named_parameters(), gradients, strict=True):
        assert torch.allclose(before[name] - parameter, trainer.rate * recipe.lr * gradient, atol=1e-7), name
    assert trainer.spent["learn"].macs == 3 * (2 + between) * trainer.macs(trainer.everything()) * 32


def test_every_forward_pass_of_training_is_in_the_runs_precision(
    make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    net, seen = KINDS["plain"](), []
    trainer = make_trainer(net, target=0.5, precision="bfloat16")
    net[-1].register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    widths.train_slimmable(net, trainer, 1 / 3, narrowest=0.2, between=2)
    assert seen == [torch.bfloat16] * 4, "the widest, the narrowest and two between"


def test_accuracy_is_that_of_each_candidate_on_validation(make_trainer: MakeTrainer) -> None:
    net = settled(KINDS["residual"]())
    trainer = make_trainer(net, target=0.5)
    everything = trainer.everything()
    half = {name: torch.arange(len(mask)) < len(mask) // 2 for name, mask in everything.items()}
    found = widths.accuracies(net, trainer, [everything, half])
    net.train()
    for accuracy, keep in zip(found, (everything, half), strict=True):
        params = gates.scaled(net, trainer.groups, widths.masks(net, keep))
        batches = trainer.data["validation"].batches(32)
        correct = sum((functional_call(net, params, (b.images,)).argmax(1) == b.labels).sum().item() for b in batches)
        assert accuracy.item() == pytest.approx(correct / 48)
    assert found[0] != found[1], "masks change what is scored"
    assert trainer.step == 0, "no epoch is spent"


def test_scoring_leaves_the_network_as_it_was(make_trainer: MakeTrainer) -> None:
    net = settled(KINDS["residual"]())
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    trainer = make_trainer(net, target=0.5)
    widths.accuracies(net, trainer, [trainer.everything()])
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    assert not net.training


def test_every_candidate_is_charged_for_every_validation_image(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(KINDS["plain"](), target=0.5)
    everything = trainer.everything()
    widths.accuracies(KINDS["plain"](), trainer, [everything] * 5)
    assert trainer.spent["learn"].macs == 5 * trainer.macs(everything) * 48
