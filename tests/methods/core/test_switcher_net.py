"""The switcher network reads weights; what it says of a neuron does not depend on where the neuron stands."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from methods.core.api import Group
from methods.core.structure.structure import Structure
from methods.core.switching.readings import PLAIN
from methods.core.switching.switcher_net import Switcher
from methods.core.switching.views import sizes, statistics, weights
from tests.kinds import EXAMPLE, KINDS, settled

IMAGES = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(3))


READERS = ["mlp", "embedding", "equivariant"]
INPUTS = ["incoming", "outgoing", "both", "shuffled", "noise"]


def switcher_for(net: nn.Module, seed: int = 0, **more: object) -> Switcher:
    return Switcher(net, Structure.of(net, EXAMPLE).groups, torch.Generator().manual_seed(seed), **more)


@torch.no_grad()
def permute(net: nn.Module, group: Group, order: Tensor) -> None:
    """Put the group's channels in another order, in every layer that has a part in them."""
    modules = dict(net.named_modules())
    for site in (*group.writers, *group.norms):
        module = modules[site.module]
        for name in ("weight", "bias", "running_mean", "running_var"):
            if (tensor := getattr(module, name, None)) is not None:
                tensor[site.index] = tensor[site.index[order]].clone()
    for site in group.readers:
        columns = modules[site.module].weight.transpose(0, 1)
        if getattr(modules[site.module], "groups", 1) == 1:
            columns[site.index] = columns[site.index[order]].clone()
        else:  # every group of the convolution reads its own share of the inputs
            columns[:] = columns[order].clone()


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("read", INPUTS)
def test_scores_are_one_a_channel_and_differ(kind: str, reader: str, read: str) -> None:
    net = settled(KINDS[kind]())
    scores = switcher_for(net, reader=reader, input=read)(net)
    for group in Structure.of(net, EXAMPLE).groups:
        assert scores[group.name].shape == (group.size, 1)
        assert scores[group.name].isfinite().all()
        assert scores[group.name].std() > 1e-3


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("read", ["incoming", "outgoing", "both"])
def test_permuting_the_neurons_of_a_group_permutes_their_scores(kind: str, reader: str, read: str) -> None:
    net = settled(KINDS[kind]())
    switcher = switcher_for(net, reader=reader, input=read)
    before, logits = switcher(net), net(IMAGES)
    for group in Structure.of(net, EXAMPLE).groups:
        moved = settled(KINDS[kind]())
        order = torch.randperm(group.size, generator=torch.Generator().manual_seed(5))
        permute(moved, group, order)
        assert torch.allclose(moved(IMAGES), logits, rtol=1e-4, atol=1e-4), "the network is still the same function"
        after = switcher(moved)
        assert torch.allclose(after[group.name], before[group.name][order], rtol=1e-3, atol=1e-3)
        if reader == "equivariant":  # how the neurons on the other side are numbered does not matter either
            others = [name for name in before if name != group.name]
            assert all(torch.allclose(after[name], before[name], rtol=1e-3, atol=1e-3) for name in others)


def test_one_equivariant_switcher_reads_every_network() -> None:
    """No parameter belongs to a layer, so that the state of one fits another."""
    states = [switcher_for(settled(KINDS[kind]()), reader="equivariant").state_dict() for kind in KINDS]
    assert all({n: t.shape for n, t in s.items()} == {n: t.shape for n, t in states[0].items()} for s in states)
    deep = settled(KINDS["residual"]())
    other = switcher_for(deep, seed=1, reader="equivariant")
    other.load_state_dict(states[0])
    assert torch.equal(other(deep)["0.0"], switcher_for(deep, reader="equivariant")(deep)["0.0"])


@pytest.mark.parametrize("reader", READERS)
def test_no_gradient_reaches_the_weights_that_it_reads_unless_it_is_asked_for(kind: str, reader: str) -> None:
    net = settled(KINDS[kind]())
    for live in (False, True):
        switcher = switcher_for(net, reader=reader, input="both", live=live)
        weight = torch.linspace(-1, 1, 100)
        sum((score * weight[: len(score), None]).sum() for score in switcher(net).values()).backward()
        reached = {n for n, p in net.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
        read = {s.module for g in switcher.groups for s in (*g.writers, *g.readers)}
        assert reached >= {f"{module}.weight" for module in read} if live else not reached
        assert all(p.grad.abs().sum() > 0 for name, p in switcher.named_parameters() if name.endswith("weight"))


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    ("read", "side", "matters"),
    [
        ("incoming", "incoming", True),
        ("both", "incoming", True),
        ("both", "outgoing", True),
        ("outgoing", "outgoing", True),
        ("shuffled", "incoming", True),
        ("noise", "incoming", False),
        ("noise", "outgoing", False),
    ],
)
def test_scores_depend_on_what_is_read_and_on_nothing_else(reader: str, read: str, side: str, matters: bool) -> None:
    net = settled(KINDS["plain"]())
    switcher = switcher_for(net, reader=reader, input=read)
    group = next(g for g in switcher.groups if g.name == "3")
    before = switcher(net)[group.name].detach()
    site = (group.writers if side == "incoming" else group.readers)[0]
    with torch.no_grad():
        weight = dict(net.named_modules())[site.module].weight
        (weight if side == "incoming" else weight.transpose(0, 1))[site.index[0]] *= 5
    assert ((switcher(net)[group.name] - before).abs().max() > 1e-4) == matters


def test_the_equivariant_reader_looks_at_the_side_that_input_names() -> None:
    net = settled(KINDS["plain"]())
    for read, side in (("incoming", "readers"), ("outgoing", "writers")):
        switcher = switcher_for(net, reader="equivariant", input=read)
        group = next(g for g in switcher.groups if g.name == "3")
        before = switcher(net)[group.name].detach()
        changed = settled(KINDS["plain"]())
        with torch.no_grad():
            weight = dict(changed.named_modules())[getattr(group, side)[0].module].weight
            weight.copy_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(1)))
        assert torch.allclose(switcher(changed)[group.name], before, atol=1e-5)


def test_a_shuffled_neuron_is_judged_by_anothers_weights() -> None:
    net = settled(KINDS["plain"]())
    own, mixed = switcher_for(net), switcher_for(net, input="shuffled")
    mixed.load_state_dict(own.state_dict(), strict=False)
    for i, name in enumerate(own(net)):
        order = mixed.control.get_buffer(str(i))
        assert torch.allclose(mixed(net)[name], own(net)[name][order], atol=1e-5)
        assert not torch.equal(order, torch.arange(len(order)))


def test_the_scale_of_a_norm_changes_the_scores_of_its_group() -> None:
    net = settled(KINDS["depthwise"]())
    switcher = switcher_for(net, reader="embedding")
    before = switcher(net)["3.0"].detach()
    with torch.no_grad():
        net[3][1].weight[0] *= 5
    assert (switcher(net)["3.0"] - before).abs().max() > 1e-4


def test_every_weight_that_writes_or_reads_a_group_is_looked_at(kind: str) -> None:
    net = settled(KINDS[kind]())
    modules = dict(net.named_modules())
    groups = Structure.of(net, EXAMPLE).groups
    for group, view in zip(groups, weights(net, groups), strict=True):
        assert view.incoming.numel() == sum(modules[s.module].weight[s.index].numel() for s in group.writers)
        assert view.outgoing.shape[0] == group.size
        assert sizes(view).shape == (group.size, 3)


@given(seed=st.integers(0, 1000))
def test_statistics_see_scale_and_likeness_and_not_the_order(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randn(6, 12, generator=generator)
    rows[1] = 2 * rows[0]
    found = statistics(rows)
    assert found.isfinite().all()
    assert torch.allclose(statistics(rows[:, torch.randperm(12, generator=generator)]), found, atol=1e-4)
    assert found[1, 0] - found[0, 0] == pytest.approx(torch.tensor(2.0).log().item(), abs=1e-4)
    assert torch.allclose(found[0, 1:5], found[1, 1:5], atol=1e-4), "the shape of the distribution has no scale"
    assert found[0, -1] == pytest.approx(1, abs=1e-4), "a parallel neuron"


def test_the_generator_alone_decides_the_switcher() -> None:
    net = settled(KINDS["residual"]())
    state = switcher_for(net, 0).state_dict()
    torch.manual_seed(1)
    again, other = switcher_for(net, 0).state_dict(), switcher_for(net, 1).state_dict()
    assert all(torch.equal(tensor, again[name]) for name, tensor in state.items())
    assert not torch.equal(state["scores.heads.0.weight"], other["scores.heads.0.weight"])


def test_its_macs_are_those_of_its_linear_layers() -> None:
    """plain: groups of 8, 16 and 20 neurons that read 9, 72 and 64 weights."""
    groups = ((8, 9), (16, 72), (20, 64))
    net = settled(KINDS["plain"]())
    assert switcher_for(net).macs == sum(n * (fan * 64 + 64) for n, fan in groups)
    assert switcher_for(net, reader="embedding").macs == sum(
        n * (fan * 32 + 70 * 64 + 64 * 64 + 64) for n, fan in groups
    )


@pytest.mark.parametrize("reader", READERS)
def test_a_head_begins_at_zero_or_spreads_its_scores(kind: str, reader: str) -> None:
    net = settled(KINDS[kind]())
    zero = switcher_for(net, reader=reader, heads=2, head=0.0)(net)
    spread = torch.cat([p.flatten() for p in switcher_for(net, reader=reader, heads=2, head=PLAIN)(net).values()])
    assert all(
        p.shape == (g.size, 2) and not p.any()
        for g, p in zip(Structure.of(net, EXAMPLE).groups, zero.values(), strict=True)
    )
    assert 0.2 < spread.std() < 3


def test_the_mlp_of_a_layer_is_the_formula() -> None:
    """v . ReLU(A x + b) / sqrt(64), x normalised over the layer."""
    net = settled(KINDS["plain"]())
    switcher = switcher_for(net)
    at = [group.name for group in switcher.groups].index("3")
    x = net[3].weight.detach().flatten(1)
    x = (x - x.mean()) / x.std()
    embed, head = switcher.scores.maps[at], switcher.scores.heads[at]
    expected = torch.relu(x @ embed.weight.T + embed.bias) @ head.weight[0] / 8
    assert torch.allclose(switcher(net)["3"][:, 0], expected, atol=1e-4)


@pytest.mark.parametrize("reader", READERS)
def test_a_bias_of_the_scores_is_learned_and_begins_at_the_given_value(reader: str) -> None:
    net = KINDS["plain"]()
    kwargs = {"reader": reader, "head": 0.0}
    biased, free = switcher_for(net, bias=1.0, **kwargs), switcher_for(net, **kwargs)
    assert all((score == 1).all() for score in biased(net).values())
    assert sum(p.numel() for p in biased.parameters()) > sum(p.numel() for p in free.parameters())
