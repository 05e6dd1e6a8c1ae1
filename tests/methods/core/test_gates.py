"""Factors: where they apply, that they fold, and that gradients reach them."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from methods.core import gates
from methods.core.gates import SITES, Place
from methods.core.structure.structure import Structure
from tests.kinds import EXAMPLE, KINDS, norm_free, settled

IMAGES = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(3))


def random_factors(structure: Structure, seed: int, most: float = 2) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {g.name: most * torch.rand(g.size, generator=generator) for g in structure.groups}


def half_off(structure: Structure, seed: int) -> dict[str, Tensor]:
    """Random factors; every other channel is off."""
    factors = random_factors(structure, seed)
    return {name: factor * (torch.arange(len(factor)) % 2) for name, factor in factors.items()}


def multiplied(net: nn.Module, structure: Structure, factors: dict[str, Tensor], images: Tensor) -> Tensor:
    """Logits with the inputs of every reader multiplied by the factors: by hooks, and not in the weights."""
    handles = []
    for group in structure.groups:
        for site in group.readers:

            def scale(
                module: nn.Module, inputs: tuple[Tensor], index: Tensor = site.index, name: str = group.name
            ) -> Tensor:
                (x,) = inputs
                axis = 1 if isinstance(module, nn.Conv2d) else x.dim() - 1
                factor = x.new_ones(x.shape[axis])
                factor = factor.index_put((index.flatten(),), factors[name].repeat_interleave(index.shape[1]))
                return x * factor.view(-1, *[1] * (x.dim() - axis - 1))

            handles.append(net.get_submodule(site.module).register_forward_pre_hook(scale))
    logits = net(images)
    for handle in handles:
        handle.remove()
    return logits


@pytest.mark.parametrize("place", SITES)
@given(seed=st.integers(0, 10_000))
def test_the_folded_network_is_the_gated_one(kind: str, place: Place, seed: int) -> None:
    net = settled(KINDS[kind](), seed)
    structure = Structure.of(net, EXAMPLE)
    factors = half_off(structure, seed)
    with torch.no_grad():
        gated, dense = gates.gated(net, structure.groups, factors, IMAGES, place), net(IMAGES)
        gates.fold(net, structure.groups, factors, place)
        assert torch.allclose(gated, net(IMAGES), rtol=1e-5, atol=1e-5)
    assert (gated - dense).abs().max() > 1e-2 * dense.abs().max(), "factors that change nothing prove nothing"


@pytest.mark.parametrize("place", SITES)
def test_factors_of_one_change_not_a_bit(kind: str, place: Place) -> None:
    net = settled(KINDS[kind]())
    structure = Structure.of(net, EXAMPLE)
    ones = {g.name: torch.ones(g.size) for g in structure.groups}
    with torch.no_grad():
        assert torch.equal(gates.gated(net, structure.groups, ones, IMAGES, place), net(IMAGES))


@pytest.mark.parametrize("place", ["behind_activation", "behind_norm"])
def test_gradients_reach_every_group_of_factors_and_every_weight(kind: str, place: Place) -> None:
    net = settled(KINDS[kind]()).train()
    structure = Structure.of(net, EXAMPLE)
    factors = {name: factor.requires_grad_() for name, factor in random_factors(structure, 0).items()}
    gates.gated(net, structure.groups, factors, IMAGES, place)[:, 0].sum().backward()
    assert all(factor.grad is not None and factor.grad.abs().max() > 0 for factor in factors.values())
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())


@given(seed=st.integers(0, 10_000))
def test_behind_the_activation_is_scaling_what_the_readers_take_in(kind: str, seed: int) -> None:
    """Logits and the gradients of factors and weights, half of the factors at 0."""
    net = settled(KINDS[kind](), seed).double()
    structure = Structure.of(net, EXAMPLE.double())
    found = []
    for compute in (
        lambda f: multiplied(net, structure, f, IMAGES.double()),
        lambda f: gates.gated(net, structure.groups, f, IMAGES.double(), "behind_activation"),
    ):
        factors = {name: f.double().requires_grad_() for name, f in half_off(structure, seed).items()}
        logits = compute(factors)
        inputs = [*factors.values(), *net.parameters()]
        found.append([logits, *torch.autograd.grad(logits[:, 0].square().sum(), inputs)])
    assert all(torch.allclose(ours, theirs, rtol=1e-8, atol=1e-10) for ours, theirs in zip(*found, strict=True))


@pytest.mark.parametrize("norms", [True, False], ids=["norms", "norm-free"])
@pytest.mark.parametrize("start", [0.0, 0.7])
def test_the_gradient_of_a_factor_is_the_slope_of_the_output(kind: str, start: float, norms: bool) -> None:
    """By finite differences, of one channel of every group, at 0 as well."""
    made = KINDS[kind]()
    net = settled(made if norms else norm_free(made)).double()
    structure = Structure.of(net, EXAMPLE.double())
    factors = {name: f.double() for name, f in random_factors(structure, 0).items()}
    for factor in factors.values():
        factor[2] = start
        factor.requires_grad_()

    def output(group: str = "", step: float = 0.0) -> Tensor:
        moved = {n: f + step * torch.eye(len(f))[2] if n == group else f for n, f in factors.items()}
        return gates.gated(net, structure.groups, moved, IMAGES.double(), "behind_activation")[:, 0].sum()

    output().backward()
    for group in structure.groups:
        slope = (output(group.name, 1e-6) - output(group.name, -1e-6)) / 2e-6
        assert factors[group.name].grad[2].item() == pytest.approx(slope.item(), rel=1e-4, abs=1e-7)


def test_a_channel_that_is_off_has_a_gradient_behind_the_activation_and_none_in_front_of_relu(kind: str) -> None:
    net = settled(KINDS[kind]()).train()
    structure = Structure.of(net, EXAMPLE)
    images = torch.randn(64, 1, 8, 8, generator=torch.Generator().manual_seed(4))
    alive = {}
    for place in ("behind_activation", "behind_norm"):
        factors = {name: factor.requires_grad_() for name, factor in half_off(structure, 0).items()}
        gates.gated(net, structure.groups, factors, images, place)[:, 0].square().sum().backward()
        alive[place] = torch.cat([(f.grad != 0)[f == 0] for f in factors.values()]).float().mean()
    assert alive["behind_activation"] >= 0.9, "but for channels that are 0 on all images"
    if kind in ("plain", "residual", "grouped"):  # in the others some channels do not pass a ReLU, but a GELU or none
        assert alive["behind_norm"] == 0


def test_the_places_agree_on_logits_where_a_relu_follows() -> None:
    """A stream with shortcuts included: relu(s x) = s relu(x)."""
    net = settled(KINDS["residual"]())
    structure = Structure.of(net, EXAMPLE)
    with torch.no_grad():
        factors = half_off(structure, 0)
        behind, before = (gates.gated(net, structure.groups, factors, IMAGES, p) for p in list(SITES)[:2])
    assert torch.allclose(behind, before, rtol=1e-4, atol=1e-4)


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


def test_a_norm_cancels_the_factor_before_it() -> None:
    net = settled(KINDS["residual"]()).train()
    groups = Structure.of(net, EXAMPLE).groups
    factors = {g.name: torch.full((g.size,), 0.5) for g in groups}
    dense = net(IMAGES)
    assert torch.allclose(dense, gates.gated(net, groups, factors, IMAGES, "before_norm"), atol=1e-2)
    assert not torch.allclose(dense, gates.gated(net, groups, factors, IMAGES, "behind_norm"), atol=1e-1)


@pytest.mark.parametrize("place", ["behind_activation", "behind_norm"])
def test_a_factor_scales_the_activation_behind_relu(place: Place) -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 5), nn.ReLU(), nn.Linear(5, 2)).eval()
    structure = Structure.of(net, EXAMPLE)
    factor = torch.tensor([0.0, 0.5, 1.0, 1.5, 2.0])
    with torch.no_grad():
        expected = net[3](factor * net[:3](IMAGES))
        assert torch.allclose(gates.gated(net, structure.groups, {"1": factor}, IMAGES, place), expected, atol=1e-6)


def hooks_of(net: nn.Module) -> list[Mapping[int, object]]:
    return [hooks for m in net.modules() for hooks in (m._forward_hooks, m._forward_pre_hooks, m._backward_hooks)]


@pytest.mark.parametrize("place", SITES)
def test_scaling_leaves_the_network_alone(kind: str, place: Place) -> None:
    net = settled(KINDS[kind]())
    before = copy.deepcopy(net.state_dict())
    structure = Structure.of(net, EXAMPLE)
    hooks = [dict(found) for found in hooks_of(net)]
    gates.scaled(net, structure.groups, random_factors(structure, 0), place)
    gates.gated(net, structure.groups, random_factors(structure, 0), IMAGES, place)
    assert [dict(found) for found in hooks_of(net)] == hooks
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())


def test_tensors_are_written_under_their_names() -> None:
    net = nn.Linear(2, 2)
    gates.write(net, {"bias": torch.tensor([3.0, 4.0])})
    assert net.bias.tolist() == [3, 4]
    with pytest.raises(KeyError):
        gates.write(net, {"missing": torch.zeros(2)})
