"""Cells are discretised as the paper says; alpha learns on validation and weights on training; sizes are met."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from benchmarks import registry
from benchmarks.training.trainer import Trainer
from methods import darts
from methods.core.api import Batch, Unsupported
from methods.core.cells import OPERATIONS, CellNetwork, operation
from methods.core.ranking import TOLERANCE
from methods.core.structure.cost import count_macs
from tests.conftest import RECIPE
from tests.kinds import EXAMPLE, KINDS

MakeTrainer = Callable[..., Trainer]
GENE = [[("sep_conv_3", 0), ("skip", 1)], [("max_pool_3", 0), ("dil_conv_5", 2)]]
SHAPE = {"classes": 2, "cells": 3, "genes": {"normal": GENE, "reduce": GENE}}


def test_the_two_strongest_edges_stay_without_zero() -> None:
    """Node 0 has two edges and keeps both; node 1 has three, and the one where zero is all but everything goes."""
    probabilities = torch.full((5, 1 + len(OPERATIONS)), 0.01)
    at = {name: 1 + i for i, name in enumerate(OPERATIONS)}
    probabilities[0, at["skip"]] = 0.3
    probabilities[1, at["sep_conv_5"]] = 0.2
    probabilities[1, 0] = 0.7  # zero is excluded, however strong
    probabilities[2, at["dil_conv_3"]] = 0.4
    probabilities[3, 0], probabilities[3, at["max_pool_3"]] = 0.9, 0.05
    probabilities[4, at["avg_pool_3"]] = 0.3
    assert darts.discretise(probabilities, 2) == [
        [("skip", 0), ("sep_conv_5", 1)],
        [("dil_conv_3", 0), ("avg_pool_3", 2)],
    ]


def tiny_supernet() -> tuple[nn.Module, dict[str, Tensor]]:
    torch.manual_seed(0)
    every = [[(OPERATIONS, 0), (OPERATIONS, 1)]]
    genes = dict.fromkeys(darts.KINDS, every)
    supernet = CellNetwork(1, 2, genes, cells=3, width=2, stem=4, stride=1, affine=False)
    return supernet, {kind: torch.zeros(2, 8, requires_grad=True) for kind in darts.KINDS}


def batch() -> Batch:
    return Batch(torch.randn(16, 1, 8, 8, generator=torch.Generator().manual_seed(0)), torch.arange(16) % 2)


def test_alphas_step_moves_alpha_alone(make_trainer: MakeTrainer) -> None:
    supernet, alphas = tiny_supernet()
    before = [parameter.detach().clone() for parameter in supernet.parameters()]
    adam = torch.optim.Adam(alphas.values(), lr=0.1)
    darts.alpha_step(supernet, alphas, adam, make_trainer(KINDS["plain"]()), batch())
    assert any((alpha != 0).any() for alpha in alphas.values())
    assert all(parameter.grad is None for parameter in supernet.parameters())
    assert all(torch.equal(p, q) for p, q in zip(supernet.parameters(), before, strict=True))


def test_the_weights_step_moves_the_weights_alone(make_trainer: MakeTrainer) -> None:
    supernet, alphas = tiny_supernet()
    trainer = make_trainer(KINDS["plain"](), recipe=RECIPE.model_copy(update={"warmup": 0.0}))
    before = [parameter.detach().clone() for parameter in supernet.parameters()]
    darts.weight_step(supernet, alphas, trainer.optimizer(supernet), trainer, batch(), 5.0)
    assert all(alpha.grad is None and not alpha.any() for alpha in alphas.values())
    assert any(not torch.equal(p, q) for p, q in zip(supernet.parameters(), before, strict=True))


def test_the_weights_step_is_that_of_the_mixture_that_alpha_chose(make_trainer: MakeTrainer) -> None:
    """An operation that alpha rules out hardly learns."""
    moved = {}
    for chosen in ("sep_conv_3", "max_pool_3"):
        supernet, alphas = tiny_supernet()
        trainer = make_trainer(KINDS["plain"](), recipe=RECIPE.model_copy(update={"warmup": 0.0}))
        for alpha in alphas.values():
            alpha.data[:, 1 + OPERATIONS.index(chosen)] = 20.0
        own = {name: p for name, p in supernet.named_parameters() if name.startswith("cells") and "edges" in name}
        before = {name: parameter.detach().clone() for name, parameter in own.items()}
        darts.weight_step(supernet, alphas, trainer.optimizer(supernet, weight_decay=0.0), trainer, batch(), 5.0)
        moved[chosen] = sum((parameter - before[name]).abs().sum().item() for name, parameter in own.items())
    assert moved["max_pool_3"] < 1e-3 * moved["sep_conv_3"]


def test_a_search_gives_alpha_validation_images_and_the_weights_training_images(
    make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = make_trainer(KINDS["residual"](), epochs=2, target=0.5)
    seen: list[str] = []
    sample, of_weights, of_alpha, drawn = trainer.sample, darts.weight_step, darts.alpha_step, []
    monkeypatch.setattr(trainer, "sample", lambda part: (drawn.append((part, sample(part))), drawn[-1][1])[1])

    def weights(*given: object) -> None:
        assert not any(given[4] is held_out for _, held_out in drawn)
        seen.append("weights")
        of_weights(*given)

    def alpha(*given: object) -> None:
        assert drawn[-1][0] == "validation" and given[4] is drawn[-1][1]
        seen.append("alpha")
        of_alpha(*given)

    monkeypatch.setattr(darts, "weight_step", weights)
    monkeypatch.setattr(darts, "alpha_step", alpha)
    darts.search(2, trainer, darts.Knobs(width=2, nodes=1))
    assert seen == ["alpha", "weights"] * 6, "in turn, for two epochs of three steps"


def test_both_steps_are_in_the_runs_precision(make_trainer: MakeTrainer) -> None:
    seen: list[torch.dtype] = []
    supernet, alphas = tiny_supernet()
    trainer = make_trainer(KINDS["plain"](), precision="bfloat16")
    supernet.head.register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    darts.alpha_step(supernet, alphas, torch.optim.Adam(alphas.values()), trainer, batch())
    darts.weight_step(supernet, alphas, trainer.optimizer(supernet), trainer, batch(), 5.0)
    assert seen == [torch.bfloat16] * 2


@pytest.mark.decides
def test_the_cells_are_those_that_alpha_found(make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Alpha of normal cells is largest at one operation, alpha of reduction cells at another."""
    best = {"normal": "sep_conv_3", "reduce": "max_pool_3"}

    def planted(classes: int, problem: Trainer, knobs: darts.Knobs) -> dict[str, Tensor]:
        alphas = {kind: torch.zeros(5, 1 + len(OPERATIONS)) for kind in darts.KINDS}
        for kind, alpha in alphas.items():
            alpha[:, 1 + OPERATIONS.index(best[kind])] = 3.0
        return alphas

    monkeypatch.setattr(darts, "search", planted)
    net = KINDS["residual"]()
    found = darts.learn(net, make_trainer(net, target=0.5), darts.Knobs())
    for kind, gene in found.shape["genes"].items():
        assert {name for node in gene for name, _ in node} == {best[kind]}
    pools = [any(isinstance(part, nn.MaxPool2d) for part in cell.edges.modules()) for cell in found.net.cells]
    assert pools == [False, True, True], "a cell, then two that halve the map"


def test_each_cell_is_weighted_by_the_alpha_of_its_kind() -> None:
    supernet, _ = tiny_supernet()
    weights = {kind: torch.rand(2, 7) for kind in darts.KINDS}
    seen: list[Tensor] = []
    for cell in supernet.cells:
        cell.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[2]))
    supernet(batch().images, weights)
    assert [given is weights[kind] for given, kind in zip(seen, ("normal", "reduce", "reduce"), strict=True)] == [
        True
    ] * 3


def test_the_search_is_charged_for_the_network_that_it_trains(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(KINDS["residual"](), epochs=1, target=0.5)
    every = [[(OPERATIONS, 0), (OPERATIONS, 1)]]
    supernet = CellNetwork(1, 2, dict.fromkeys(darts.KINDS, every), cells=3, width=2, stem=6, stride=1, affine=False)
    own = darts._macs(supernet, EXAMPLE, dict.fromkeys(darts.KINDS, torch.ones(2, 7)))
    darts.search(2, trainer, darts.Knobs(width=2, nodes=1))
    assert trainer.spent["learn"].macs == 3 * own * 3 * (32 + 32)


def test_an_edge_is_the_weighted_sum_of_its_operations() -> None:
    supernet, _ = tiny_supernet()
    cell = supernet.eval().cells[0]
    x = torch.randn(3, 2, 4, 4)
    weights = torch.rand(2, 7)
    expected = sum(w * each(x) for w, each in zip(weights[1], cell.edges[1], strict=True))
    assert torch.allclose(cell._edge(1, x, weights), expected, atol=1e-6)


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("size", [1, 7, 8])
@pytest.mark.parametrize("width", [1, 5])
def test_every_operation_keeps_the_width_and_halves_the_map_with_stride(name: str, size: int, width: int) -> None:
    x = torch.randn(2, width, size, size)
    for stride in (1, 2):
        side = -(-size // stride)
        assert operation(name, width, stride, True).eval()(x).shape == (2, width, side, side)


@pytest.mark.parametrize("stride", [1, 2])
def test_macs_are_exact_at_every_width_and_stem(stride: int) -> None:
    macs = darts.macs_of(SHAPE | {"stride": stride}, EXAMPLE)
    for width, stem in [(1, 1), (4, 9), (7, 30)]:
        net = darts.build(EXAMPLE, SHAPE | {"stride": stride, "width": width, "stem": stem})
        assert macs(width, stem) == count_macs(net, EXAMPLE)


@pytest.mark.parametrize("goal", [20_000, 33_300, 400_000, 3_000_000])
def test_the_network_has_the_macs_that_it_may_have(goal: int) -> None:
    shape = darts.sized(SHAPE, EXAMPLE, goal)
    assert count_macs(darts.build(EXAMPLE, shape), EXAMPLE) == pytest.approx(goal, rel=TOLERANCE)
    assert shape["stride"] == 2 or shape["width"] >= darts.NARROWEST


def test_a_goal_below_every_network_is_refused() -> None:
    with pytest.raises(Unsupported, match="has 100 MACs"):
        darts.sized(SHAPE, EXAMPLE, 100)


def test_the_network_is_built_again_from_its_shape(make_trainer: MakeTrainer) -> None:
    net = KINDS["residual"]()
    found = darts.learn(net, make_trainer(net, target=0.5), darts.Knobs(width=2))
    again = darts.build(EXAMPLE, json.loads(json.dumps(found.shape)))
    again.load_state_dict(found.net.state_dict())
    images = torch.randn(4, 1, 8, 8)
    assert torch.equal(again.eval()(images), found.net.eval()(images))
    assert found.net(images).shape == net(images).shape


def test_alpha_goes_down_the_loss_of_its_batch(make_trainer: MakeTrainer) -> None:
    supernet, alphas = tiny_supernet()
    trainer, adam = make_trainer(KINDS["plain"]()), torch.optim.Adam(alphas.values(), lr=0.1)
    losses = []
    for _ in range(10):
        losses.append(trainer.loss(darts.Mixed(supernet, darts.mixture(alphas)), batch()).item())
        darts.alpha_step(supernet, alphas, adam, trainer, batch())
    assert losses[-1] < losses[0] - 0.01


def test_the_found_network_has_a_schedule_of_its_own() -> None:
    """Its weights are new, and the search has spent the high learning rates."""
    assert registry.card("darts").retrain == "scratch"


def test_what_the_search_returns_has_learned(make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: every step moves alpha of the normal cells by one."""
    monkeypatch.setattr(darts, "alpha_step", lambda net, alphas, *_: alphas["normal"].data.add_(1.0))
    alphas = darts.search(2, make_trainer(KINDS["residual"](), epochs=1, target=0.5), darts.Knobs(width=2, nodes=1))
    assert alphas["normal"].min() > 2.5 and alphas["reduce"].max() < 0.5, "three steps"


@pytest.mark.decides
def test_alpha_has_moved_at_the_end_of_the_search(make_trainer: MakeTrainer) -> None:
    """It begins within a few thousandths of 0; Adam moves an element by up to its learning rate a step."""
    trainer, knobs = make_trainer(KINDS["residual"](), 8, target=0.5), darts.Knobs(width=2, nodes=1)
    alphas = darts.search(2, trainer, knobs)
    assert all(alpha.abs().max() > 5 * knobs.lr for alpha in alphas.values())
