"""Which channels are a group, on small networks on which pruning tools are known to fail."""

from __future__ import annotations

import pytest
import torch

from methods.core import gates
from methods.core.structure.structure import Structure
from tests.kinds import EXAMPLE, settled
from tests.methods.core.test_structure import assert_shrinks_exactly, random_keep
from tools.zoo.small import SMALL

GROUPS: dict[str, dict[str, int]] = {
    "repvgg": {"stem.0": 8},
    "x + relu(conv(x))": {"a": 8},
    "x + relu(bn(conv(x)))": {"a.0": 8},
    "cat(x, relu(conv(x)))": {"a": 6, "stem.0": 8},
    "two flattened branches": {"a.0": 4, "b.0.0": 6, "head.0": 16},
    "the image beside a layer": {"a.0": 6, "stem.0": 8},
    "classic LeNet": {"0": 6, "3": 16, "7": 20, "9": 12},
    "x * hardsigmoid(fc(mean(x)))": {"fc": 8},
    "squeeze and excitation": {"narrow": 4, "wide": 8},
    "pre-activation": {"body": 6, "stem": 8},
    "sigmoid": {"0.0": 6, "2": 8},
    "softplus": {"0.0": 6, "2": 8},
    "x + 1": {"first.0": 8, "second.0": 6},
    "conv used twice": {"a.0": 8},
    "two group counts on one stream": {"stem.0": 2, "three.0": 2},
    "InstanceNorm2d": {"0": 8, "3.0": 6},
    "InstanceNorm2d with running statistics": {"0": 8, "3.0": 6},
    "BatchNorm2d(affine=False)": {"0": 8, "3.0": 6},
    # What cannot go is in no group:
    "split stream": {"body.0": 6},
    "maxout": {"second.0": 6},
    "grouped conv behind a concatenation": {"c.0": 4},
    "weight_norm": {"3.0": 6},
    "spectral_norm": {"3.0": 6},
    "tied weights": {"5.0": 8},
}


@pytest.mark.parametrize("name", GROUPS)
def test_groups_are_exact_at_both_places(name: str) -> None:
    torch.manual_seed(0)
    net = settled(SMALL[name]())
    structure = Structure.of(net, EXAMPLE)
    assert {g.name: g.size for g in structure.groups} == GROUPS[name]
    for seed, place in ((0, "behind_activation"), (1, "behind_norm")):
        assert_shrinks_exactly(net, structure, random_keep(structure, seed), place)


@pytest.mark.parametrize(("name", "exact"), [("sigmoid", False), ("squeeze and excitation", True), ("x + 1", False)])
def test_gates_apply_at_the_readers_where_0_does_not_stay_0(name: str, exact: bool) -> None:
    structure = Structure.of(SMALL[name](), EXAMPLE)
    first = structure.groups[-1]
    assert first.exact == exact
    assert gates.SITES["behind_norm"](first) == (first.gates if exact else first.readers)


def test_a_norm_without_parameters_has_no_gate() -> None:
    groups = {g.name: g for g in Structure.of(SMALL["BatchNorm2d(affine=False)"](), EXAMPLE).groups}
    assert not groups["0"].exact and groups["3.0"].exact
