"""The regulariser is the bilinear cost weighted by scales; expensive layers shrink first; all widen alike."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from benchmarks.training.budget import rate
from benchmarks.training.trainer import Trainer
from methods import morphnet
from methods.core.widths import SmoothCost
from tests.kinds import KINDS, conv, head
from tests.methods.descent import steps_to_zero

MakeTrainer = Callable[..., Trainer]
CPU = torch.device("cpu")


def chain() -> nn.Module:
    """1 -> 6 -> 10 -> 2 channels: 8x8 images, then the mean over the image."""
    return nn.Sequential(conv(1, 6), conv(6, 10), head(10, 2))


def by_name(trainer: Trainer, **values: torch.Tensor) -> list[torch.Tensor]:
    return [values[f"g{group.size}"] for group in trainer.groups]


def test_it_is_the_papers_sum_over_layers(make_trainer: MakeTrainer) -> None:
    """Layer by layer: cost * (alive inputs * sum of |out| + alive outputs * sum of |in|), the image always there."""
    trainer = make_trainer(chain(), target=0.5)
    first = torch.tensor([0.9, 0.5, 0.0, 0.3, 1e-4, 0.2])  # four are alive
    second = torch.tensor([1.0] * 3 + [0.1] * 4 + [0.0] * 3)  # seven are alive
    pixels = 8 * 8 * 9
    layers = pixels * 1 * first.sum()
    layers += pixels * (4 * second.sum() + 7 * first.sum())
    layers += 2 * second.sum()
    dense = pixels * (6 + 60) + 20
    cost = SmoothCost.of(trainer, CPU)
    found = morphnet.regulariser(by_name(trainer, g6=first, g10=second), cost, 1e-2, torch.ones(2))
    assert found.item() == pytest.approx(layers.item() / dense, rel=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_the_cost_is_exact_at_every_width(make_trainer: MakeTrainer, kind: str) -> None:
    trainer = make_trainer(KINDS[kind](), target=0.5)
    cost, generator = SmoothCost.of(trainer, CPU), torch.Generator().manual_seed(0)
    dense = trainer.macs(trainer.everything())
    for _ in range(10):
        widths = [int(torch.randint(1, g.size + 1, (), generator=generator)) for g in trainer.groups]
        keep = {g.name: torch.arange(g.size) < n for g, n in zip(trainer.groups, widths, strict=True)}
        wanted = torch.tensor(widths, dtype=torch.float32, requires_grad=True)
        share = cost.share(wanted)
        assert share.item() == pytest.approx(trainer.macs(keep) / dense, rel=1e-4)
        share.backward()
        assert torch.allclose(wanted.grad, cost.marginal(wanted.detach()), rtol=1e-4, atol=1e-6)


def test_expensive_layers_shrink_first(make_trainer: MakeTrainer) -> None:
    """Two groups of 16, one on 8x8 maps and one on 2x2: with nothing but the penalty's pull, the first dies first."""
    torch.manual_seed(0)
    net = nn.Sequential(conv(1, 16), nn.MaxPool2d(4), conv(16, 16), head(16, 2))
    trainer = make_trainer(net, target=0.5)
    cost = SmoothCost.of(trainer, CPU)
    names = [group.writers[0].module for group in trainer.groups]
    scales = [torch.ones(16, requires_grad=True) for _ in names]
    morphnet.regulariser(scales, cost, 1e-2, torch.ones(2)).backward()
    pull = {name: scale.grad.mean().item() for name, scale in zip(names, scales, strict=True)}
    assert pull["0.0"] > pull["2.0"] > 0
    trained = make_trainer(net, 30, target=0.5)
    morphnet.learn(net, trained, morphnet.Knobs())
    assert net[0][1].weight.detach().abs().mean() < net[2][1].weight.detach().abs().mean()


def test_every_group_is_widened_by_the_same_factor_up_to_its_size(make_trainer: MakeTrainer) -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 100), nn.ReLU(), nn.Linear(100, 100), nn.ReLU(), nn.Linear(100, 2))
    trainer = make_trainer(net, target=0.5)
    generator = torch.Generator().manual_seed(0)
    scales = [torch.rand(100, generator=generator) + 0.1 for _ in trainer.groups]
    scales[0][torch.randperm(100, generator=generator)[:80]] = 0.0  # 20 are alive
    scales[1][torch.randperm(100, generator=generator)[:60]] = 0.0  # 40
    keep = morphnet.expanded(scales, trainer, 1e-2)
    masks = [keep[group.name] for group in trainer.groups]
    one, other = (int(mask.sum()) for mask in masks)
    assert other == pytest.approx(2 * one, abs=2) or other == 100
    assert one > 20, "widened"
    for mask, scale in zip(masks, scales, strict=True):
        assert scale[mask].min() >= scale[~mask].max() if not mask.all() else True


def test_a_channel_dies_in_all_norms_or_in_none(make_trainer: MakeTrainer) -> None:
    """A residual stream has several norms: one large scale keeps a channel."""
    net = KINDS["residual"]()
    trainer = make_trainer(net, 4, target=0.5)
    stream = next(group for group in trainer.groups if len(group.norms) > 1)
    modules = dict(net.named_modules())
    with torch.no_grad():
        for site in stream.norms:
            modules[site.module].weight.zero_()
        modules[stream.norms[0].module].weight[-1] = 1.0
    keep = morphnet.learn(net, trainer, morphnet.Knobs(share=0.0))
    assert keep[stream.name][-1]


def learned(make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch, **knobs: float) -> tuple[list, dict]:
    """The scales that training with the penalty leaves, and the choice."""
    found: list[torch.Tensor] = []
    with monkeypatch.context() as patch:
        of = morphnet.expanded
        patch.setattr(morphnet, "expanded", lambda scales, *rest: (found.extend(scales), of(scales, *rest))[1])
        torch.manual_seed(0)
        net = nn.Sequential(conv(1, 16), nn.MaxPool2d(4), conv(16, 32), head(32, 2))
        keep = morphnet.learn(net, make_trainer(net, 30, target=0.5), morphnet.Knobs(**knobs))
    return found, keep


@pytest.mark.decides
def test_the_default_penalty_kills_channels_and_decides_the_widths(
    make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    none, before = learned(make_trainer, monkeypatch, penalty=0.0)
    some, after = learned(make_trainer, monkeypatch)
    assert all((scale > morphnet.Knobs.threshold).all() for scale in none)
    dead = sum(int((scale <= morphnet.Knobs.threshold).sum()) for scale in some)
    assert dead > 4
    assert {n: int(m.sum()) for n, m in before.items()} != {n: int(m.sum()) for n, m in after.items()}


def test_a_channel_of_mean_cost_that_is_not_needed_is_at_zero_halfway_whatever_the_budget(
    make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the recipe's own rates and momentum, step by step; scales begin at 1, and cost as much as at the start."""
    monkeypatch.setattr(morphnet, "expanded", lambda *_: {})
    for epochs in (20, 80):
        net = chain()
        trainer, terms = make_trainer(net, epochs, target=0.5), {}
        monkeypatch.setattr(trainer, "fit", lambda _, epochs, terms=terms, **given: terms.update(given, epochs=epochs))
        morphnet.learn(net, trainer, morphnet.Knobs())
        terms["penalty"]().backward()
        pull = torch.cat([net[i][1].weight.grad for i in (0, 1)]).mean().item()
        rates = [rate(0.1, (step + 0.5) / (3 * epochs)) * 0.05 for step in range(3 * epochs)]
        assert steps_to_zero(1.0, pull, rates, 0.9) == pytest.approx(3 * epochs / 4, rel=0.12)
