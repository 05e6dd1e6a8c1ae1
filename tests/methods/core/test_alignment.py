"""Widths that are multiples of a number: in the layers themselves, by the method's own scores, at the told MACs."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from methods.core.api import Keep, Problem, Unsupported
from methods.core.ranking import TOLERANCE, keep_by_rank
from methods.core.structure.structure import Structure
from tests.kinds import EXAMPLE, KINDS, settled
from tests.methods.core.test_structure import assert_shrinks_exactly, random_keep

SEEDS = st.integers(0, 10_000)
ALIGN = st.sampled_from([2, 3, 4, 8])


def told(structure: Structure, target: float) -> Problem:
    """All that a ranking sees of a problem."""
    return cast(
        Problem,
        SimpleNamespace(groups=structure.groups, target=target, macs=structure.macs, everything=structure.everything),
    )


def draw(structure: Structure, seed: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {group.name: torch.rand(group.size, generator=generator) for group in structure.groups}


def assert_aligned(net: nn.Module, structure: Structure, keep: Keep, align: int) -> None:
    """The writers of every group have so many outputs, or those of the dense network."""
    small = structure.shrink(net, keep)
    for group in structure.groups:
        for site in group.writers:
            dense, shrunk = (len(n.get_submodule(site.module).weight) for n in (net, small))
            own = site.index.numel()  # behind a concatenation or in a grouped layer there may be others
            assert (shrunk - (dense - own)) % align == 0 or shrunk == dense


@given(seed=SEEDS, align=ALIGN)
def test_a_choice_is_filled_up_to_aligned_widths_and_loses_nothing(kind: str, seed: int, align: int) -> None:
    net = settled(KINDS[kind](), seed)
    structure = Structure.of(net, EXAMPLE, align)
    keep = random_keep(structure, seed)
    whole = structure.aligned(keep)
    assert_aligned(net, structure, whole, align)
    assert_shrinks_exactly(net, structure, whole)
    for group in structure.groups:
        assert whole[group.name][keep[group.name]].all(), "what the method keeps stays"
        assert 0 <= int(whole[group.name].sum()) - int(keep[group.name].sum()) < group.step, "and no more than needed"
        assert torch.equal(structure.aligned(whole)[group.name], whole[group.name])


@pytest.mark.parametrize("ranking", ["uniform", "global"])
@given(seed=SEEDS, align=ALIGN, target=st.floats(0.2, 0.9))
def test_a_ranking_meets_the_target_with_aligned_widths_or_refuses(
    kind: str, ranking: str, seed: int, align: int, target: float
) -> None:
    net = KINDS[kind]()
    structure = Structure.of(net, EXAMPLE, align)
    scores = draw(structure, seed)
    try:
        keep = keep_by_rank(scores, told(structure, target), ranking)
    except Unsupported as refusal:
        assert f"{target:.1%}" in str(refusal)
        return
    assert abs(structure.macs(keep) / structure.macs(structure.everything()) - target) <= TOLERANCE * target
    assert_aligned(net, structure, keep, align)
    assert all(mask.any() and torch.equal(structure.aligned(keep)[name], mask) for name, mask in keep.items())


def test_a_ranking_empties_no_group_that_is_one_step_wide() -> None:
    structure = Structure.of(KINDS["residual"](), EXAMPLE, 16)
    inner = [group.name for group in structure.groups if group.size == 16 and len(group.writers) == 1]
    scores = {group.name: torch.full((group.size,), float(group.name not in inner)) for group in structure.groups}
    with pytest.raises(Unsupported, match=r"100\.0% is the least above it"):
        keep_by_rank(scores, told(structure, 0.5), "global")


@given(seed=SEEDS, align=st.sampled_from([1, 4, 8]), target=st.floats(0.3, 0.9))
def test_the_method_s_own_scores_say_which_channels_go(seed: int, align: int, target: float) -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 403), nn.ReLU(), nn.Linear(403, 800), nn.ReLU(), nn.Linear(800, 2))
    structure = Structure.of(net, EXAMPLE, align)
    scores = draw(structure, seed)
    keep = keep_by_rank(scores, told(structure, target))
    for name, mask in keep.items():
        assert 0 < mask.sum() < len(mask) and mask.sum() % align == 0
        assert scores[name][mask].min() > scores[name][~mask].max()


def test_every_layer_loses_the_same_share_with_and_without_a_step() -> None:
    """A step goes at its middle's turn; at its last channel's, narrow layers would stay whole."""
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 256), nn.ReLU(), nn.Linear(256, 2))
    for align in (1, 8):
        structure = Structure.of(net, EXAMPLE, align)
        keep = keep_by_rank(draw(structure, 0), told(structure, 0.36), "uniform")
        shares = [mask.float().mean().item() for mask in keep.values()]
        assert max(shares) - min(shares) <= 0.1, f"{shares} at {align}"


def test_heads_and_grouped_convolutions_count_in_channels_of_the_layer() -> None:
    """Four channels make a head: 8 channels are two of them. In two convolution groups 8 channels are four pairs."""
    steps = {kind: {g.name: g.step for g in Structure.of(KINDS[kind](), EXAMPLE, 8).groups} for kind in KINDS}
    several = [g for g in Structure.of(KINDS["attention"](), EXAMPLE, 8).groups if g.writers[0].index.shape[1] > 1]
    assert several and all(group.step * group.writers[0].index.shape[1] == 8 for group in several)
    assert 4 in steps["grouped"].values()
    assert set(steps["plain"].values()) == {8}


def test_no_alignment_is_a_step_of_one(kind: str) -> None:
    structure = Structure.of(KINDS[kind](), EXAMPLE)
    assert {group.step for group in structure.groups} == {1}
    keep = random_keep(structure, 3)
    assert all(torch.equal(structure.aligned(keep)[name], mask) for name, mask in keep.items())
