"""The switcher network reads weights; what it says of a neuron does not depend on where the neuron stands."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from methods.core.api import Group
from methods.core.structure import Structure
from methods.core.switcher_net import Switcher, incoming, norms, outgoing
from tests.kinds import EXAMPLE, KINDS, settled

IMAGES = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(3))


def switcher_for(net: nn.Module, seed: int = 0) -> Switcher:
    return Switcher(net, Structure.of(net, EXAMPLE).groups, torch.Generator().manual_seed(seed))


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


def test_scores_are_one_a_channel_and_differ(kind: str) -> None:
    net = settled(KINDS[kind]())
    scores = switcher_for(net)(net)
    for group in Structure.of(net, EXAMPLE).groups:
        assert scores[group.name].shape == (group.size,)
        assert scores[group.name].isfinite().all()
        assert scores[group.name].std() > 0.01


def test_permuting_the_neurons_of_a_group_permutes_their_scores(kind: str) -> None:
    net = settled(KINDS[kind]())
    switcher = switcher_for(net)
    before, logits = switcher(net), net(IMAGES)
    for group in Structure.of(net, EXAMPLE).groups:
        moved = settled(KINDS[kind]())
        order = torch.randperm(group.size, generator=torch.Generator().manual_seed(5))
        permute(moved, group, order)
        assert torch.allclose(moved(IMAGES), logits, rtol=1e-4, atol=1e-4), "the network is still the same function"
        assert torch.allclose(switcher(moved)[group.name], before[group.name][order], rtol=1e-3, atol=1e-3)


def test_no_gradient_reaches_the_weights_that_it_reads(kind: str) -> None:
    net = settled(KINDS[kind]())
    switcher = switcher_for(net)
    weights = torch.linspace(-1, 1, 100)
    sum((score * weights[: len(score)]).sum() for score in switcher(net).values()).backward()
    assert all(parameter.grad is None for parameter in net.parameters())
    assert all(p.grad.abs().sum() > 0 for name, p in switcher.named_parameters() if name.endswith("weight"))


@pytest.mark.parametrize("read", [incoming, outgoing])
def test_scores_depend_on_the_weights(read: object) -> None:
    """Each of incoming and outgoing weights alone changes the scores of its group."""
    net = settled(KINDS["plain"]())
    switcher = switcher_for(net)
    group = next(g for g in switcher.groups if g.name == "3")
    before = switcher(net)[group.name].detach()
    site = (group.writers if read is incoming else group.readers)[0]
    with torch.no_grad():
        weight = dict(net.named_modules())[site.module].weight
        (weight if read is incoming else weight.transpose(0, 1))[site.index[0]] *= 5
    assert (switcher(net)[group.name] - before).abs().max() > 1e-3


def test_the_scale_of_a_norm_changes_the_scores_of_its_group() -> None:
    net = settled(KINDS["depthwise"]())
    switcher = switcher_for(net)
    before = switcher(net)["3.0"].detach()
    with torch.no_grad():
        net[3][1].weight[0] *= 5
    assert (switcher(net)["3.0"] - before).abs().max() > 1e-3


def test_every_weight_that_writes_or_reads_a_group_is_looked_at(kind: str) -> None:
    net = settled(KINDS[kind]())
    modules = dict(net.named_modules())
    for group in Structure.of(net, EXAMPLE).groups:
        assert incoming(net, group).numel() == sum(modules[s.module].weight[s.index].numel() for s in group.writers)
        assert outgoing(net, group).shape[0] == group.size
        assert norms(net, group, incoming(net, group)).shape == (group.size, 3)


def test_the_generator_alone_decides_the_switcher() -> None:
    net = settled(KINDS["residual"]())
    state = switcher_for(net, 0).state_dict()
    torch.manual_seed(1)
    again, other = switcher_for(net, 0).state_dict(), switcher_for(net, 1).state_dict()
    assert all(torch.equal(tensor, again[name]) for name, tensor in state.items())
    assert not torch.equal(state["head.weight"], other["head.weight"])


def test_its_macs_are_those_of_its_linear_layers(kind: str) -> None:
    from torch.utils.flop_counter import FlopCounterMode

    net = settled(KINDS[kind]())
    switcher = switcher_for(net)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        switcher(net)
    assert switcher.macs == counter.get_total_flops() // 2 > 0
