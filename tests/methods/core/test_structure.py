"""Groups, surgery and counting, on networks of every kind."""

from __future__ import annotations

import copy
import functools
import subprocess
import sys
from collections import Counter
from collections.abc import Callable

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import registry
from methods.core import gates
from methods.core.api import Keep, Unsupported
from methods.core.structure.cost import unfused
from methods.core.structure.layers import depthwise
from methods.core.structure.structure import Structure, guard
from tests.kinds import EXAMPLE, KINDS, conv, head, norm_free, settled

SEEDS = st.integers(0, 10_000)
TORCHVISION = ["resnet18", "mobilenet_v2", "densenet121", "regnet_y_400mf", "squeezenet1_1"]


def random_keep(structure: Structure, seed: int) -> Keep:
    """Each group loses a random share of random channels; none is emptied."""
    generator = torch.Generator().manual_seed(seed)
    draws = {
        g.name: (torch.rand(g.size, generator=generator), torch.rand(1, generator=generator)) for g in structure.groups
    }
    return guard({name: own < share for name, (own, share) in draws.items()})


def counted_macs(net: nn.Module, images: Tensor) -> int:
    """MACs per image by torch's own counter, which does not see the CPU's fused attention."""
    with FlopCounterMode(display=False) as counter, unfused(), torch.no_grad():
        net(images)
    return counter.get_total_flops() // 2


def assert_shrinks_exactly(
    net: nn.Module, structure: Structure, keep: Keep, place: gates.Place = "behind_activation"
) -> None:
    """The network, folded and shrunk, runs, gives the logits of the gated one, and costs what was said beforehand."""
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(4, *structure.example.shape[1:], generator=generator)
    factors = {name: mask * (0.5 + torch.rand(len(mask), generator=generator)) for name, mask in keep.items()}
    folded = copy.deepcopy(net)
    gates.fold(folded, structure.groups, factors, place)
    small = structure.shrink(folded, keep).eval()
    with torch.no_grad():
        full = gates.gated(net, structure.groups, factors, images, place)
        difference = (full - small(images)).abs().max() / full.abs().max()
    assert difference <= 1e-4
    assert structure.macs(keep) == counted_macs(small, structure.example)


@pytest.mark.parametrize("place", ["behind_activation", "behind_norm"])
@given(seed=SEEDS)
def test_shrunk_equals_gated_and_costs_what_was_counted(kind: str, place: gates.Place, seed: int) -> None:
    net = settled(KINDS[kind](), seed)
    structure = Structure.of(net, EXAMPLE)
    assert_shrinks_exactly(net, structure, random_keep(structure, seed), place)


def test_a_network_without_norms_shrinks_exactly(kind: str) -> None:
    net = settled(norm_free(KINDS[kind]()))
    structure = Structure.of(net, EXAMPLE)
    assert_shrinks_exactly(net, structure, random_keep(structure, 0))


@pytest.mark.slow
@pytest.mark.parametrize("name", TORCHVISION)
def test_torchvisions_networks_shrink_exactly(name: str) -> None:
    import torchvision

    net = settled(getattr(torchvision.models, name)(num_classes=10))
    structure = Structure.of(net, torch.zeros(1, 3, 64, 64))
    assert_shrinks_exactly(net, structure, random_keep(structure, 0))


def test_equality_is_no_accident_of_dead_channels(kind: str) -> None:
    """Shrinking another choice of channels of the same number gives other logits."""
    net = settled(KINDS[kind]())
    structure = Structure.of(net, EXAMPLE)
    images = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    half = {g.name: torch.arange(g.size) < g.size // 2 for g in structure.groups}
    with torch.no_grad():
        one, other = (structure.shrink(net, keep)(images) for keep in (half, {n: m.flip(0) for n, m in half.items()}))
    assert (one - other).abs().max() > 0.01 * one.abs().max()


# The stream of the attention kind is read behind layer norms, whose statistics would change with every channel of it.
WRITE_STREAM = {"attention": {"0"} | {f"{i}.{name}" for i in (3, 4) for name in ("attention.out", "mlp.2")}}
READ_STREAM = {
    "attention": {"9"}
    | {f"{i}.{name}" for i in (3, 4) for name in ("attention.query", "attention.key", "attention.value", "mlp.0")}
}


def weighted(kind: str) -> tuple[Structure, dict[str, nn.Module]]:
    net = KINDS[kind]()
    layers = {name: m for name, m in net.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)}
    return Structure.of(net, EXAMPLE), layers


def test_every_channel_but_the_output_layers_is_in_exactly_one_group(kind: str) -> None:
    structure, layers = weighted(kind)
    seen = Counter((s.module, c) for g in structure.groups for s in g.writers for c in s.index.flatten().tolist())
    written = layers.keys() - {list(layers)[-1]} - WRITE_STREAM.get(kind, set())
    assert seen == Counter((name, c) for name in written for c in range(len(layers[name].weight)))


def test_every_reader_is_covered_exactly_once(kind: str) -> None:
    structure, layers = weighted(kind)
    seen = Counter((s.module, c) for g in structure.groups for s in g.readers for c in s.index.flatten().tolist())
    inputs = {name: getattr(m, "in_channels", 0) or m.in_features for name, m in layers.items() if not depthwise(m)}
    read = inputs.keys() - {next(iter(layers))} - READ_STREAM.get(kind, set())
    assert seen == Counter((name, c) for name in read for c in range(inputs[name]))


def test_the_order_of_groups_and_sites_is_the_same_every_time(kind: str) -> None:
    def names() -> list[object]:
        groups = Structure.of(KINDS[kind](), EXAMPLE).groups
        return [
            (g.name, [[s.module for s in sites] for sites in (g.writers, g.norms, g.readers, g.gates)]) for g in groups
        ]

    assert names() == names() == names()


def test_a_channel_behind_a_flatten_is_several_inputs_of_the_reader() -> None:
    structure = Structure.of(KINDS["plain"](), EXAMPLE)
    (reader,) = next(g for g in structure.groups if g.name == "3").readers
    assert reader.module == "7"
    assert torch.equal(reader.index, torch.arange(64).view(16, 4))


def test_a_group_behind_a_concatenation_is_a_slice_of_the_later_norms() -> None:
    structure = Structure.of(KINDS["concatenating"](), EXAMPLE)
    group = next(g for g in structure.groups if g.name == "2.conv")
    assert {s.module: s.index.flatten().tolist() for s in group.norms} == {
        "3.norm": list(range(14, 20)),
        "4": list(range(14, 20)),
    }


def test_channels_of_a_grouped_convolution_go_with_their_like_in_every_group() -> None:
    structure = Structure.of(KINDS["grouped"](), EXAMPLE)
    group = next(g for g in structure.groups if g.name == "1.0")
    assert (group.size, group.writers[0].index.tolist()) == (8, [[i, i + 8] for i in range(8)])


class TestAttention:
    def test_a_group_is_the_heads_of_query_key_and_value(self) -> None:
        groups = {g.name: g for g in Structure.of(KINDS["attention"](), EXAMPLE).groups}
        heads = groups["3.attention.value"]
        own = [[0, 1], [2, 3], [4, 5], [6, 7]]
        assert heads.size == 4
        assert {s.module.rpartition(".")[2]: s.index.tolist() for s in heads.writers} == dict.fromkeys(
            ("query", "key", "value"), own
        )
        assert [(s.module, s.index.tolist()) for s in heads.readers] == [("3.attention.out", own)]

    def test_a_factor_scales_a_heads_values_alone(self) -> None:
        """So the head's weights over the tokens stay, and its output is scaled."""
        net = settled(KINDS["attention"]())
        structure = Structure.of(net, EXAMPLE)
        (heads,) = (g for g in structure.groups if g.name == "3.attention.value")
        assert [site.module for site in heads.gates] == ["3.attention.value"]
        attention, tokens = net[3].attention, torch.randn(2, 16, 8, generator=torch.Generator().manual_seed(0))
        factor = torch.tensor([0.0, 0.5, 1.0, 2.0])
        read: list[Tensor] = []
        attention.out.register_forward_pre_hook(lambda module, inputs: read.append(inputs[0]))
        with torch.no_grad():
            attention(tokens)
            gates.fold(net, [heads], {heads.name: factor})
            attention(tokens)
        assert torch.allclose(read[1], read[0] * factor.repeat_interleave(2), atol=1e-6)

    def test_its_products_cost_and_fall_with_the_heads(self) -> None:
        structure = Structure.of(KINDS["attention"](), EXAMPLE)
        keep = structure.everything()
        dense = structure.macs(keep)
        keep["3.attention.value"][0] = False
        layers, products = 4 * 16 * 8 * 2, 2 * 16 * 16 * 2  # 16 tokens, 2 channels a head, on a stream of 8
        assert dense - structure.macs(keep) == layers + products

    def test_without_heads_that_can_go_it_is_left_alone(self) -> None:
        """One that fixes the number of its heads, or does not say how wide they are."""
        for change in (lambda a: setattr(a, "num_heads", 4), lambda a: setattr(a, "head_dim", None)):
            net = KINDS["attention"]()
            change(net[3].attention)
            if net[3].attention.head_dim is None:
                net[3].attention.forward = functools.partial(attend, net[3].attention)
            structure = Structure.of(net, EXAMPLE)
            assert [g.name for g in structure.groups] == ["4.mlp.0", "4.attention.value", "3.mlp.0"]
            assert_shrinks_exactly(settled(net), structure, random_keep(structure, 0))


def attend(attention: nn.Module, x: Tensor) -> Tensor:
    """Attention by torch's own kernel, with four heads."""
    split = (
        layer(x).unflatten(2, (4, 2)).transpose(1, 2) for layer in (attention.query, attention.key, attention.value)
    )
    return attention.out(nn.functional.scaled_dot_product_attention(*split).transpose(1, 2).flatten(2))


@pytest.mark.parametrize("norm", [lambda: nn.GroupNorm(2, 8, affine=False), lambda: nn.LayerNorm([8, 8, 8])])
def test_channels_in_front_of_a_norm_over_several_are_refused(norm: Callable[[], nn.Module]) -> None:
    """A channel of zeros still counts in the statistics; one that is gone does not."""
    net = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), norm(), nn.ReLU(), nn.Conv2d(8, 6, 3, padding=1), nn.ReLU(), head(6, 2)
    )
    structure = Structure.of(settled(net), EXAMPLE)
    assert [g.name for g in structure.groups] == ["3"]
    assert_shrinks_exactly(net, structure, random_keep(structure, 1))


def test_channels_under_a_softmax_or_a_parameter_of_their_own_are_refused() -> None:
    class Chosen(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two, self.three = conv(1, 4), conv(4, 6), conv(6, 8)
            self.slope, self.head = nn.PReLU(6), head(8, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.three(self.slope(self.two(self.one(x).softmax(1)))))

    net = settled(Chosen())
    structure = Structure.of(net, EXAMPLE)
    assert [g.name for g in structure.groups] == ["three.0"]
    assert_shrinks_exactly(net, structure, random_keep(structure, 1))


def test_what_no_group_can_make_smaller_still_costs() -> None:
    """Products outside layers, and layers that are called by their weights alone."""

    class Beside(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.head = conv(1, 6), head(6, 2)
            self.own = nn.Parameter(torch.ones(8, 8))

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.body(x @ self.own))

    net = settled(Beside())
    structure = Structure.of(net, EXAMPLE)
    assert_shrinks_exactly(net, structure, random_keep(structure, 1))
    assert structure.macs(structure.everything()) == 64 * 9 * 6 + 6 * 2 + 8 * 8 * 8


def test_a_grouped_convolution_may_get_as_narrow_as_a_depthwise_one() -> None:
    net = settled(KINDS["grouped"]())
    structure = Structure.of(net, EXAMPLE)
    keep = guard({g.name: torch.zeros(g.size, dtype=torch.bool) for g in structure.groups})
    assert_shrinks_exactly(net, structure, keep)


def test_shrinking_nothing_gives_a_copy(kind: str) -> None:
    net = settled(KINDS[kind]())
    structure = Structure.of(net, EXAMPLE)
    copied = structure.shrink(net, structure.everything())
    ours, theirs = net.state_dict(), copied.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert not {p.data_ptr() for p in net.parameters()} & {p.data_ptr() for p in copied.parameters()}


def test_shrinking_leaves_the_network_as_it_was(kind: str) -> None:
    net = settled(KINDS[kind]()).train()
    before = copy.deepcopy(net.state_dict())
    structure = Structure.of(net, EXAMPLE)
    structure.shrink(net, random_keep(structure, 0))
    assert net.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())


def test_tracing_restores_the_mode_of_every_module() -> None:
    net = KINDS["residual"]().train()
    net[0].eval()  # a frozen stem
    Structure.of(net, EXAMPLE)
    assert net.training and net[1].training
    assert not net[0].training and not net[0][1].training


def test_a_layer_that_is_used_twice_counts_twice() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.again, self.head = conv(1, 6), conv(6, 6), head(6, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.again(self.again(self.stem(x))))

    net = Twice().eval()
    try:
        structure = Structure.of(net, EXAMPLE)
    except Unsupported:
        return  # refusing is right as well
    assert structure.macs(structure.everything()) == counted_macs(net, EXAMPLE)


def test_a_path_around_a_norm_is_gated_or_refused() -> None:
    """A projection that reads a stream which its neighbour reads behind a norm sees the same factor, or nobody does."""

    class PreActivation(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Conv2d(1, 6, 3, padding=1, bias=False)
            self.norm = nn.BatchNorm2d(6)
            self.body, self.shortcut = nn.Conv2d(6, 8, 3, padding=1), nn.Conv2d(6, 8, 1)
            self.head = head(8, 2)

        def forward(self, x: Tensor) -> Tensor:
            x = self.stem(x)
            return self.head(self.body(torch.relu(self.norm(x))) + self.shortcut(x))

    net = settled(PreActivation())
    try:
        structure = Structure.of(net, EXAMPLE)
    except Unsupported:
        return  # refusing is right as well
    assert_shrinks_exactly(net, structure, random_keep(structure, 3))


def test_a_network_that_cannot_be_traced_is_unsupported() -> None:
    class Branching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = conv(1, 4)

        def forward(self, x: Tensor) -> Tensor:
            raise RuntimeError("no way\nthrough")

    with pytest.raises(Unsupported, match="cannot trace Branching") as caught:
        Structure.of(Branching(), EXAMPLE)
    assert "\n" not in str(caught.value), "the table shows one sentence"


def test_tracing_does_not_import_timm_which_takes_seconds() -> None:
    code = "import sys, methods.core.structure.structure; print('timm' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], cwd=registry.ROOT, stdout=subprocess.PIPE, text=True)
    assert (found.returncode, found.stdout) == (0, "False\n")


def test_a_network_of_one_layer_has_nothing_to_remove() -> None:
    with pytest.raises(Unsupported, match="no channels that can be removed"):
        Structure.of(nn.Sequential(nn.Flatten(), nn.Linear(64, 2)), EXAMPLE)


def test_an_emptied_group_keeps_its_first_channel() -> None:
    keep = {"a": torch.zeros(3, dtype=torch.bool), "b": torch.tensor([False, True])}
    kept = guard(keep)
    assert kept["a"].tolist() == [True, False, False] and kept["b"].tolist() == [False, True]
    assert not keep["a"].any(), "the choice itself is left as it was"


@given(seed=SEEDS)
def test_macs_fall_with_every_channel(kind: str, seed: int) -> None:
    structure = Structure.of(KINDS[kind](), EXAMPLE)
    keep = random_keep(structure, seed)
    group = structure.groups[seed % len(structure.groups)]
    assume(int(keep[group.name].sum()) > 1)
    fewer = keep | {group.name: keep[group.name].clone()}
    fewer[group.name][int(keep[group.name].nonzero()[0])] = False
    assert structure.macs(fewer) < structure.macs(keep)
