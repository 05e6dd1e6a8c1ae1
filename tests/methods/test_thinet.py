"""ThiNet: what the next layer misses least goes, and what stays is scaled to make up for it."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from benchmarks.training.trainer import Trainer
from methods import l1, thinet
from methods.core.api import Site, Unsupported
from tests.kinds import KINDS, settled
from tests.methods.peer import two_layers

LAYERS = {
    "conv": (nn.Conv2d(6, 4, 3, padding=1), (6, 5, 5)),
    "strided": (nn.Conv2d(6, 4, 3, stride=2, padding=2, dilation=2, padding_mode="reflect"), (6, 7, 5)),
    "grouped": (nn.Conv2d(6, 4, 3, groups=2), (6, 5, 5)),
    "linear": (nn.Linear(6, 4), (6,)),
    "tokens": (nn.Linear(6, 4), (3, 6)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_contributions_of_all_channels_add_up_to_the_sampled_outputs(name: str) -> None:
    layer, shape = LAYERS[name]
    generator = torch.Generator().manual_seed(0)
    inputs, draws = torch.randn(9, *shape, generator=generator), torch.rand(5, 9, generator=generator)
    unbiased = copy.deepcopy(layer)
    nn.init.zeros_(unbiased.bias)
    outputs = unbiased(inputs).flatten(1)
    found = list(thinet.contributions(layer, inputs, draws))
    assert len(found) == 5 and found[0].shape == (9, 6)
    for parts, drawn in zip(found, draws, strict=True):
        places = (drawn * outputs.shape[1]).long()
        torch.testing.assert_close(parts.sum(1), outputs[torch.arange(9), places])


def test_a_contribution_is_what_the_output_loses_without_the_channel() -> None:
    layer = nn.Conv2d(6, 1, 5)
    inputs = torch.randn(9, 6, 5, 5)
    (parts,) = thinet.contributions(layer, inputs, torch.zeros(1, 9))
    without = inputs.index_fill(1, torch.tensor([2]), 0)
    torch.testing.assert_close(parts[:, 2], (layer(inputs) - layer(without)).flatten())


def samples(seed: int, size: int = 8, rows: int = 60) -> Tensor:
    """[rows, size] contributions of channels that depend on each other."""
    generator = torch.Generator().manual_seed(seed)
    mixed = torch.randn(size, size, generator=generator, dtype=torch.float64)
    return torch.randn(rows, size, generator=generator, dtype=torch.float64) @ mixed


@given(seed=st.integers(0, 10_000), count=st.integers(0, 8))
def test_the_choice_is_greedy_in_the_error_of_the_sum(seed: int, count: int) -> None:
    x = samples(seed)
    gone: list[int] = []
    for _ in range(count):
        rest = [c for c in range(8) if c not in gone]
        gone.append(min(rest, key=lambda c: float(x[:, [*gone, c]].sum(1).square().sum())))
    assert thinet.smallest(x.T @ x, count).nonzero().flatten().tolist() == sorted(gone)


def test_channels_that_cancel_each_other_go_together() -> None:
    """Alone each of the last two is larger than the others; together they add nothing."""
    x = torch.eye(6, dtype=torch.float64)[:, :4] * torch.tensor([1.0, 2, 2, 2])
    both = torch.full((6, 1), 0.5, dtype=torch.float64)
    x = torch.cat([x, both, -both], 1)
    assert thinet.smallest(x.T @ x, 3).tolist() == [True, False, False, False, True, True]


def test_what_a_channel_adds_depends_on_those_that_are_gone() -> None:
    """After (1, 0): (-1, 2) leaves a squared error of 4, (0, 1.9) one of 4.61, though it is the smaller."""
    x = torch.tensor([[1.0, -1, 0], [0, 2, 1.9]])
    assert thinet.smallest(x.T @ x, 2).tolist() == [True, True, False]


@given(seed=st.integers(0, 10_000), kept=st.integers(1, 7))
def test_factors_are_the_least_squares_solution(seed: int, kept: int) -> None:
    x, keep = samples(seed), torch.arange(8) < kept
    found = thinet.factors(x.T @ x, keep)
    assert (found[~keep] == 1).all()
    expected = torch.linalg.lstsq(x[:, keep], x.sum(1)).solution
    torch.testing.assert_close(x[:, keep] @ found[keep], x[:, keep] @ expected, rtol=1e-3, atol=1e-3)


def test_a_copy_makes_up_for_what_went_and_a_dead_channel_keeps_its_weights() -> None:
    x = torch.randn(50, 3, dtype=torch.float64)
    x = torch.cat([x, x[:, :1], 0 * x[:, :1]], 1)
    found = thinet.factors(x.T @ x, torch.tensor([True, True, True, False, True]))
    torch.testing.assert_close(found, torch.tensor([2.0, 1, 1, 1, 1], dtype=torch.float64))


@pytest.mark.parametrize("name", LAYERS)
def test_scaling_the_weights_is_scaling_the_channels_that_come_in(name: str) -> None:
    layer, shape = LAYERS[name]
    scaled, factor = copy.deepcopy(layer), torch.tensor([0.5, 2.0])
    thinet.scale_inputs(scaled, Site("", torch.tensor([[1, 3], [4, 5]])), factor)
    spread = torch.tensor([1, 0.5, 1, 0.5, 2, 2])
    if len(shape) == 3:
        spread = spread[:, None, None]
    inputs = torch.randn(2, *shape)
    torch.testing.assert_close(scaled(inputs), layer(inputs * spread))


def test_a_large_filter_that_the_next_layer_ignores_goes_first(make_trainer: Callable[..., Trainer]) -> None:
    net = two_layers()
    with torch.no_grad():
        net[1].weight[:5] *= 100
        net[3].weight[:, :5] = 0
    keep = thinet.learn(net, make_trainer(net, target=0.9), thinet.Knobs())
    assert not keep["1"][:5].any()
    assert l1.learn(two_layers_like(net), make_trainer(net, target=0.9), l1.Knobs())["1"][:5].all()


def two_layers_like(net: nn.Module) -> nn.Module:
    """The first filters large, as they were before the method took them out."""
    fresh = two_layers()
    with torch.no_grad():
        fresh[1].weight[:5] *= 100
    return fresh


@pytest.mark.parametrize("kind", ["plain", "residual"])
def test_factors_bring_the_logits_nearer_to_the_dense_networks(
    kind: str, make_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    errors = []
    for scaled in (True, False):
        if not scaled:
            monkeypatch.setattr(thinet, "factors", lambda gram, keep: torch.ones(len(gram)))
        net = settled(KINDS[kind]())
        dense = copy.deepcopy(net)
        trainer = make_trainer(net, epochs=40, target=0.7)
        thinet.learn(net, trainer, thinet.Knobs())
        images = torch.cat([batch.images for batch in trainer.batches(1, part="validation")])
        errors.append((net(images) - dense(images)).square().mean().item())
    assert errors[0] < 0.8 * errors[1]


def test_groups_are_taken_front_to_back_in_the_network_that_is_pruned_so_far(
    make_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    net = settled(KINDS["plain"]())
    seen = []
    grams = thinet._grams

    def spy(net: nn.Module, *rest: object) -> Tensor:
        seen.append([int((net[i].weight.flatten(1) == 0).all(1).sum()) for i in (0, 3, 7)])
        return grams(net, *rest)

    monkeypatch.setattr(thinet, "_grams", spy)
    keep = thinet.learn(net, make_trainer(net, target=0.5), thinet.Knobs())
    gone = [int((~keep[name]).sum()) for name in ("0", "3", "7")]
    assert min(gone) > 0
    assert seen == [[0, 0, 0], [gone[0], 0, 0], [*gone[:2], 0]]


def test_it_is_charged_for_its_batches_and_for_its_samples(make_trainer: Callable[..., Trainer]) -> None:
    """64 inputs, two layers of 100, two outputs; one batch of 32 for each of two groups."""
    net = two_layers()
    trainer = make_trainer(net, target=0.5)
    keep = thinet.learn(net, trainer, thinet.Knobs(locations=5))
    assert trainer.image_macs == 6400 + 10_000 + 200
    samples = 32 * (6 * (10_000 + 200) + 5 * 2 * 100**2)  # contributions, and the products of 100 of them in each layer
    solved = sum(4.5 * int(mask.sum()) ** 3 for mask in keep.values())
    assert trainer.spent["learn"].macs == pytest.approx(32 * 2 * 3 * trainer.image_macs + samples + solved)
    assert not any(module._forward_hooks for module in net.modules())


class Shared(nn.Module):
    """Two layers that read the same eight channels and use other ones."""

    def __init__(self) -> None:
        super().__init__()
        self.maker, self.left, self.right = nn.Linear(64, 8), nn.Linear(8, 2, bias=False), nn.Linear(8, 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        maps = self.maker(x.flatten(1)).relu()
        return torch.cat([self.left(maps), self.right(maps)], 1)


def test_each_reader_of_a_stream_has_factors_of_its_own(
    make_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The channels that stay are the same for both layers; what makes up for the others is each layer's own."""
    torch.manual_seed(0)
    net, seen, grams = Shared(), [], thinet._grams
    dense = copy.deepcopy(net)
    monkeypatch.setattr(thinet, "_grams", lambda *given: (seen.append(grams(*given)), seen[0])[1])
    trainer = make_trainer(net, epochs=40, target=0.5)
    keep = thinet.learn(net, trainer, thinet.Knobs())["maker"]
    assert torch.equal(keep, ~thinet.smallest(seen[0].sum(0), int((~keep).sum())))
    readers = [site.module for site in trainer.groups[0].readers]
    found = [(net.get_submodule(name).weight / dense.get_submodule(name).weight)[0] for name in readers]
    for ratio, gram in zip(found, seen[0], strict=True):
        torch.testing.assert_close(ratio, thinet.factors(gram, keep).float(), rtol=1e-3, atol=1e-3)
    assert not torch.allclose(*found, rtol=0.05)


def test_more_groups_than_steps_are_refused(make_trainer: Callable[..., Trainer]) -> None:
    net = settled(KINDS["plain"]())
    with pytest.raises(Unsupported, match="thinet reads a batch for each of 3 groups and trains what is left"):
        thinet.learn(net, make_trainer(net, epochs=1, target=0.5), thinet.Knobs())


def test_batches_are_shared_out_where_steps_are_few(make_trainer: Callable[..., Trainer]) -> None:
    """31 groups and 33 steps: with a tenth of what is left for each, not all groups would get a batch."""
    torch.manual_seed(0)
    layers = [layer for _ in range(31) for layer in (nn.Linear(64, 64), nn.ReLU())]
    net = nn.Sequential(nn.Flatten(), *layers, nn.Linear(64, 2))
    trainer = make_trainer(net, epochs=11, target=0.5)
    keep = thinet.learn(net, trainer, thinet.Knobs(locations=1))
    assert len(keep) == 31 and trainer.step <= 33
