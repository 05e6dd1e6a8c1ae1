"""Planted channels: half of the channels of every group put out nothing, and a method that chooses channels finds them.

The channels are drawn at random. Their writers' rows are zero and their readers do not see them, so that they stay as
useless as they are, whatever a method trains or puts in between, and wherever its weights come from. Scales of norms
are not planted: a channel that puts out nothing keeps the scale that it begins with, unless a penalty acts on it.

A method that does not promise this says on which kinds of networks, by a literal NO_PROMISE in its file.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, reduce

import numpy as np
import pytest
import torch
from scipy.stats import hypergeom
from torch import Tensor, nn

from benchmarks import registry
from benchmarks.data.dataset import Part
from benchmarks.training.trainer import Trainer
from methods.core.api import Keep, Unsupported
from tests.kinds import Residual, conv, head

SEEDS = range(2)
EPOCHS = 8
LONGER = {
    ("morphnet", "plain"): 160,
    ("morphnet", "residual"): 72,
    ("morphnet", "norm-free"): 24,
    ("l0", "plain"): 48,
    ("l0", "residual"): 48,
    ("l0", "norm-free"): 48,
    ("sss", "plain"): 48,
    ("sss", "residual"): 48,
    ("sss", "norm-free"): 100,
}
for _network in ("plain", "residual", "norm-free"):
    LONGER["slimming", _network] = 24  # the shorter a run, the stronger the penalty
    LONGER["resrep", _network] = 48  # its momentum is 0.99
CLASSES = 8
CHANCE = 0.01


def plain() -> nn.Module:
    """Convolutions with norms."""
    return nn.Sequential(conv(1, 12), conv(12, 20), nn.MaxPool2d(2), conv(20, 24), head(24, CLASSES))


def residual() -> nn.Module:
    """A stream with a block on it."""
    return nn.Sequential(conv(1, 20), nn.MaxPool2d(2), Residual(20, 20), head(20, CLASSES))


def norm_free() -> nn.Module:
    """Convolutions and linear layers without norms."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64, 24), nn.ReLU(), nn.Linear(24, CLASSES),
    )  # fmt: skip


MakeTrainer = Callable[..., Trainer]
NETWORKS: dict[str, Callable[[], nn.Module]] = {"plain": plain, "residual": residual, "norm-free": norm_free}


@pytest.fixture(scope="module")
def data() -> dict[str, Part]:
    """Eight patterns under noise: no network of this size is ever done with them, so that its channels stay in use."""
    rng = torch.Generator().manual_seed(0)
    labels = torch.arange(320) % CLASSES
    patterns, noise = torch.randn(CLASSES, 1, 8, 8, generator=rng), torch.randn(320, 1, 8, 8, generator=rng)
    images = (128 + 30 * patterns[labels] + 20 * noise).clamp(0, 255).to(torch.uint8)
    mean, std = torch.full((1, 1, 1, 1), 128.0), torch.full((1, 1, 1, 1), 45.0)
    return {
        "train": Part(images[:256], labels[:256], mean, std),
        "validation": Part(images[256:], labels[256:], mean, std),
    }


def promises(method: str, network: str) -> bool:
    """Whether the method chooses channels, and says nothing against the kind of network."""
    no_promise = getattr(registry.load("method", method), "NO_PROMISE", ())
    assert set(no_promise) <= set(NETWORKS)
    return "from" not in registry.card(method).targets and network not in no_promise


REFUSED = {
    ("bn_scale", "norm-free"),
}
"""Methods that need a norm, and the network without one."""

CHOOSE = [(method, network) for method in registry.keys("method") for network in NETWORKS if promises(method, network)]


@torch.no_grad()
def plant(net: nn.Module, trainer: Trainer, seed: int) -> Keep:
    """Make half of the channels of each group useless; the others are True."""
    rng = torch.Generator().manual_seed(seed)
    useful = {g.name: torch.randperm(g.size, generator=rng) < g.size // 2 for g in trainer.groups}
    for group in trainer.groups:
        off = ~useful[group.name]
        for site in (*group.writers, *group.norms):
            module = net.get_submodule(site.module)
            if site in group.writers:
                module.weight[site.index[off].flatten()] = 0
            if module.bias is not None:
                module.bias[site.index[off].flatten()] = 0
        for site in group.readers:
            module = net.get_submodule(site.module)
            mask = torch.ones(module.weight.shape[1])
            mask[site.index[off].flatten()] = 0
            module.register_forward_pre_hook(partial(_masked, mask))
    return useful


def _masked(mask: Tensor, module: nn.Module, inputs: tuple[Tensor, ...]) -> Tensor:
    return inputs[0] * mask.view(1, -1, *[1] * (inputs[0].dim() - 2))


def chosen(method: str, network: str, seed: int, data: dict[str, Part], make_trainer: MakeTrainer) -> tuple[Keep, Keep]:
    """What the method keeps at half of the MACs, or where it decides for itself, and what is useful."""
    card, module = registry.card(method), registry.load("method", method)
    torch.manual_seed(seed)
    net = NETWORKS[network]()
    target = 0.5 if "macs" in card.targets else None
    epochs = LONGER.get((method, network), EPOCHS)
    trainer = make_trainer(net, epochs, target=target, run=("planted", network, seed), data=data)
    useful = plant(net, trainer, seed)
    if card.start == "pretrained":
        trainer.begin("pretrain", trainer.image_macs, "continue")
        trainer.fit(net, epochs / 2)
        trainer.begin("learn", trainer.image_macs, "continue")
    return module.learn(net, trainer, module.Knobs()), useful


def by_chance(runs: list[tuple[Keep, Keep]]) -> tuple[int, float]:
    """How many useful channels are kept, and how probable as many are if those that are kept are drawn at random."""
    found, laws = 0, []
    for keep, useful in runs:
        for name, mask in keep.items():
            size, of_use, kept = len(mask), int(useful[name].sum()), int(mask.sum())
            found += int((mask & useful[name]).sum())
            laws.append(hypergeom(size, of_use, kept).pmf(np.arange(size + 1)))
    return found, float(reduce(np.convolve, laws)[found:].sum())


@pytest.mark.parametrize(("method", "network"), CHOOSE)
def test_useful_channels_stay(method: str, network: str, data: dict[str, Part], make_trainer: MakeTrainer) -> None:
    try:
        runs = [chosen(method, network, seed, data, make_trainer) for seed in SEEDS]
    except Unsupported as refusal:
        assert (method, network) in REFUSED, refusal
        return
    assert (method, network) not in REFUSED
    found, chance = by_chance(runs)
    kept = sum(int(mask.sum()) for keep, _ in runs for mask in keep.values())
    assert chance < CHANCE, (
        f"{found} of {kept} kept channels are useful, which chance does in {chance:.2g} of all cases"
    )


def test_random_channels_are_what_chance_says(data: dict[str, Part], make_trainer: MakeTrainer) -> None:
    """The bound holds for the control, and one that keeps the useless ones is far beyond it."""
    keep, useful = chosen("random", "plain", 0, data, make_trainer)
    assert by_chance([(keep, useful)])[1] > CHANCE
    assert by_chance([({name: ~mask for name, mask in useful.items()}, useful)]) == (0, pytest.approx(1.0))
    assert by_chance([(useful, useful)])[1] < 1e-6


def test_only_methods_that_choose_channels_are_asked() -> None:
    """Those that find a size for each layer keep its first channels: none of them is left out for another reason."""
    asked = {method for method, _ in CHOOSE}
    assert {"l1", "taylor", "slimming", "switcher", "l0"} <= asked
    assert not asked & {
        "uniform",
        "random",
        "dense",
        "evolution",
        "random_search",
        "dmcp",
        "metapruning",
        "tas",
        "darts",
    }
