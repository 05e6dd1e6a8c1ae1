"""The networks of the field: published counts, sizes, and that every channel which can go does so exactly."""

from __future__ import annotations

import ast
import inspect
import re
from collections import Counter
from functools import cache
from typing import NamedTuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from benchmarks import registry
from methods.core.structure.structure import Structure
from tests.kinds import settled
from tests.methods.core.test_structure import assert_shrinks_exactly, counted_macs, random_keep

NETWORKS = registry.keys("network")
TWO_STEMS = ["googlenet", "mobilenet_v1", "mobilenet_v2", "resnet18", "resnet50", "vit_tiny"]  # another from 64 pixels


class Published(NamedTuple):
    network: str
    size: int  # pixels
    classes: int
    params: float  # in millions
    macs: float | None  # in millions
    source: str
    within: tuple[float, float] = (0.005, 0.005)  # params: half a unit of the last digit; MACs: a fraction


BASELINES = "AutoDL-Projects, docs/BASELINE.md"
FEATURE_MAPS = "README of Filter pruning via measuring feature map information"
CORING = "README of CORING"
PUBLISHED = [
    Published("resnet20", 32, 10, 0.27, 40.81, BASELINES),
    Published("resnet32", 32, 10, 0.47, 69.12, BASELINES),
    Published("resnet56", 32, 10, 0.86, 125.75, BASELINES),
    Published("resnet110", 32, 10, 1.73, 253.15, BASELINES),
    Published("vgg16_bn", 32, 10, 14.72, 313.75, FEATURE_MAPS),
    Published("vgg16_bn", 32, 100, 14.77, 313.80, FEATURE_MAPS),
    Published("vgg19_bn", 32, 10, 20.04, 398.74, FEATURE_MAPS),
    Published("vgg19_bn", 32, 100, 20.08, 398.79, FEATURE_MAPS),
    Published("densenet40", 32, 10, 1.02, 533 / 2, "Liu et al., Network slimming, table 1: operations", (0.005, 0.01)),
    Published("densenet_bc", 32, 10, 0.8, None, "Huang et al., table 2", (0.05, 0)),
    Published("mobilenet_v1", 224, 1000, 4.2, 569, "Howard et al., table 8", (0.05, 0.005)),
    Published("mobilenet_v2", 32, 10, 2.24, 94.54, f"{CORING}, where more than layers is counted", (0.005, 0.08)),
    Published("mobilenet_v2", 224, 1000, 3.4, 300, "Sandler et al., table 4", (0.11, 0.005)),
    Published("resnet50", 32, 100, 23.7, None, "README of PruningBench: 16.45 M are 30.61 % less", (0.05, 0)),
    Published("resnet18", 32, 100, 11.22, None, "README of PruningBench: from params and what was removed"),
    Published("vit_tiny", 224, 1000, 5.7, 1300, "tables of DeiT-Ti: 1.3 G", (0.05, 0.04)),
    *(
        Published(network, 224, 1000, params, macs, "torchvision's weights", (0.000001, 0.001))
        for network, params, macs in [
            ("resnet18", 11.689512, 1814),
            ("resnet34", 21.797672, 3664),
            ("resnet50", 25.557032, 4089),
            ("mobilenet_v2", 3.504872, 301),
            ("googlenet", 6.624904, 1498),
        ]
    ),
]


def build(network: str, channels: int, size: int, classes: int) -> nn.Module:
    return registry.load("network", network).build(channels, size, classes).eval()


@cache
def small(network: str, size: int = 8) -> tuple[nn.Module, Structure]:
    """With random weights, for grey images."""
    net = settled(build(network, 1, size, 10))
    return net, Structure.of(net, torch.zeros(1, 1, size, size))


@pytest.mark.parametrize("row", PUBLISHED, ids=lambda row: f"{row.network}-{row.size}-{row.classes}")
def test_dense_counts_are_the_published_ones(row: Published) -> None:
    with torch.device("meta"):
        net = build(row.network, 3, row.size, row.classes)
        macs = counted_macs(net, torch.zeros(1, 3, row.size, row.size))
    assert sum(p.numel() for p in net.parameters()) / 1e6 == pytest.approx(row.params, abs=row.within[0]), row.source
    if row.macs:
        assert macs / 1e6 == pytest.approx(row.macs, rel=row.within[1]), row.source


def test_wide_residual_networks_have_the_published_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 16 layers the paper counts those with 8 and 10 times the channels: 11.0 M and 17.1 M (its table 4)."""
    wide = registry.load("network", "wrn16_4")
    for width, millions in ((8, 11.0), (10, 17.1)):
        monkeypatch.setattr(wide, "WIDTH", width)
        with torch.device("meta"):
            params = sum(p.numel() for p in wide.build(3, 32, 10).parameters())
        assert params / 1e6 == pytest.approx(millions, abs=0.05)


@pytest.mark.parametrize(
    ("network", "layers"),
    [
        ("resnet32", 32),
        ("resnet110", 110),
        ("densenet40", 40),
        ("densenet_bc", 100),
        ("resnet34", 34),
        ("resnet50", 50),
    ],
)
def test_networks_have_the_layers_of_their_name(network: str, layers: int) -> None:
    """Projections in shortcuts are not counted."""
    named = build(network, 3, 32, 10).named_modules()
    weighted = [name for name, module in named if isinstance(module, nn.Conv2d | nn.Linear)]
    assert len([name for name in weighted if not re.search("shortcut|downsample", name)]) == layers


@pytest.mark.parametrize("network", NETWORKS)
class TestEveryNetwork:
    @pytest.mark.parametrize("size", [8, 28, 32, 63, 64, 96, 224])
    def test_takes_images_of_any_size(self, network: str, size: int) -> None:
        with torch.device("meta"):
            assert build(network, 3, size, 7)(torch.zeros(2, 3, size, size)).shape == (2, 7)

    def test_every_parameter_is_drawn_by_the_module_that_holds_it(self, network: str) -> None:
        net, _ = small(network)
        holders = {name: net.get_submodule(name.rpartition(".")[0]) for name, _ in net.named_parameters()}
        assert not [name for name, holder in holders.items() if not hasattr(holder, "reset_parameters")]

    def test_nothing_is_dropped_at_random(self, network: str) -> None:
        """All regularisation is the recipe's."""
        net, _ = small(network)
        assert not [m for m in net.modules() if isinstance(m, nn.modules.dropout._DropoutNd) and m.p > 0]

    def test_every_channel_but_the_classifiers_is_in_exactly_one_group(self, network: str) -> None:
        net, structure = small(network)
        seen = Counter((s.module, c) for g in structure.groups for s in g.writers for c in s.index.flatten().tolist())
        pattern = getattr(registry.load("network", network), "UNPRUNED", "$none")
        layers = [(name, m) for name, m in net.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)][:-1]
        pruned = [(name, m) for name, m in layers if not re.fullmatch(pattern, name)]
        assert seen == Counter((name, c) for name, m in pruned for c in range(len(m.weight)))

    @settings(max_examples=3)
    @given(seed=st.integers(0, 10_000))
    def test_shrinks_to_what_was_gated_and_counted(self, network: str, seed: int) -> None:
        net, structure = small(network)
        assert_shrinks_exactly(net, structure, random_keep(structure, seed))

    def test_does_not_import_torchvision_before_it_is_built(self, network: str) -> None:
        """That costs seconds; planning a study, or another network of the family, must not."""
        tree = ast.parse(inspect.getsource(registry.load("network", network)))
        tops = [ast.unparse(node) for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        assert not [line for line in tops if "torchvision" in line]


@pytest.mark.parametrize("network", TWO_STEMS)
def test_larger_images_have_a_stem_of_their_own_and_shrink_as_well(network: str) -> None:
    net, structure = small(network, 64)
    assert_shrinks_exactly(net, structure, random_keep(structure, 0))
    with torch.device("meta"):
        other = build(network, 1, 63, 10)
        assert counted_macs(net.to("meta"), torch.zeros(1, 1, 64, 64)) < counted_macs(other, torch.zeros(1, 1, 63, 63))


def test_a_vision_transformer_loses_heads_and_neurons() -> None:
    _, structure = small("vit_tiny")
    sizes = Counter((group.name.split(".", 2)[2], group.size) for group in structure.groups)
    assert sizes == {("attention.value", 3): 12, ("mlp.0", 768): 12}


def test_pooling_rounds_up_so_that_no_small_image_becomes_empty() -> None:
    """And is the same as rounding down where sizes are even."""
    net = build("vgg16_bn", 1, 8, 10)
    shapes = [tuple(net[: i + 1](torch.zeros(1, 1, 8, 8)).shape[2:]) for i, m in enumerate(net) if "Max" in str(m)]
    assert shapes == [(4, 4), (2, 2), (1, 1), (1, 1), (1, 1)]
