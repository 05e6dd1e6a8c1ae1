"""Factors: where they apply, that they fold, and that gradients reach them."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from methods.core import gates
from methods.core.structure import Structure
from tests.kinds import EXAMPLE, KINDS, settled

IMAGES = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(3))


def random_factors(structure: Structure, seed: int, most: float = 2) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {g.name: most * torch.rand(g.size, generator=generator) for g in structure.groups}


@given(seed=st.integers(0, 10_000))
def test_the_folded_network_is_the_gated_one(kind: str, seed: int) -> None:
    net = settled(KINDS[kind](), seed)
    structure = Structure.of(net, EXAMPLE)
    factors = random_factors(structure, seed)
    with torch.no_grad():
        gated, dense = gates.gated(net, structure.groups, factors, IMAGES), net(IMAGES)
        gates.fold(net, structure.groups, factors)
        assert torch.allclose(gated, net(IMAGES), rtol=1e-5, atol=1e-5)
    assert (gated - dense).abs().max() > 1e-2 * dense.abs().max(), "factors that change nothing prove nothing"


def test_factors_of_one_change_not_a_bit(kind: str) -> None:
    net = settled(KINDS[kind]())
    structure = Structure.of(net, EXAMPLE)
    ones = {g.name: torch.ones(g.size) for g in structure.groups}
    with torch.no_grad():
        assert torch.equal(gates.gated(net, structure.groups, ones, IMAGES), net(IMAGES))


def test_gradients_reach_every_group_of_factors_and_every_weight(kind: str) -> None:
    net = settled(KINDS[kind]()).train()
    structure = Structure.of(net, EXAMPLE)
    factors = {name: factor.requires_grad_() for name, factor in random_factors(structure, 0).items()}
    gates.gated(net, structure.groups, factors, IMAGES)[:, 0].sum().backward()
    assert all(factor.grad is not None and factor.grad.abs().max() > 0 for factor in factors.values())
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())


def test_the_gradient_of_a_factor_is_the_slope_of_the_output() -> None:
    net = settled(KINDS["residual"]()).double()
    structure = Structure.of(net, EXAMPLE.double())
    factors = {name: f.double().requires_grad_() for name, f in random_factors(structure, 0).items()}
    group = structure.groups[1].name
    images = IMAGES.double()

    def output(step: float) -> Tensor:
        moved = factors | {group: factors[group] + step * torch.eye(len(factors[group]))[2]}
        return gates.gated(net, structure.groups, moved, images)[0, 0]

    output(0).backward()
    slope = (output(1e-6) - output(-1e-6)) / 2e-6
    assert factors[group].grad[2].item() == pytest.approx(slope.item(), rel=1e-4)


def test_a_writer_before_a_norm_has_no_gate(kind: str) -> None:
    """The norm would cancel the factor."""
    structure = Structure.of(KINDS[kind](), EXAMPLE)
    for group in structure.groups:
        gated, writers = ({s.module for s in sites} for sites in (group.gates, group.writers))
        assert gated, group.name
        assert not (group.norms and gated & writers), group.name


def test_in_an_inverted_residual_only_the_last_norm_is_gated() -> None:
    structure = Structure.of(KINDS["depthwise"](), EXAMPLE)
    wide = next(g for g in structure.groups if g.name == "1.block.1.0")
    assert {s.module for s in wide.norms} == {"1.block.0.1", "1.block.1.1"}
    assert [s.module for s in wide.gates] == ["1.block.1.1"]


def test_a_factor_scales_the_activation_behind_relu() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 5), nn.ReLU(), nn.Linear(5, 2)).eval()
    structure = Structure.of(net, EXAMPLE)
    factor = torch.tensor([0.0, 0.5, 1.0, 1.5, 2.0])
    with torch.no_grad():
        expected = net[3](factor * net[:3](IMAGES))
        assert torch.allclose(gates.gated(net, structure.groups, {"1": factor}, IMAGES), expected, atol=1e-6)


def test_scaling_leaves_the_network_alone(kind: str) -> None:
    net = settled(KINDS[kind]())
    before = copy.deepcopy(net.state_dict())
    structure = Structure.of(net, EXAMPLE)
    gates.scaled(net, structure.groups, random_factors(structure, 0))
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())


def test_tensors_are_written_under_their_names() -> None:
    net = nn.Linear(2, 2)
    gates.write(net, {"bias": torch.tensor([3.0, 4.0])})
    assert net.bias.tolist() == [3, 4]
    with pytest.raises(KeyError):
        gates.write(net, {"missing": torch.zeros(2)})
