"""Filters in front of norms get their lengths back, and the network its outputs."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from benchmarks import registry
from methods.core import lengths
from tests.kinds import EXAMPLE, KINDS, settled

IMAGES = torch.rand(4, *EXAMPLE.shape[1:], generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def shrink(net: nn.Module) -> None:
    """A tenth of every filter in front of a norm, whose statistics follow: the same function."""
    for layer, norm in lengths.normed(net, EXAMPLE):
        lengths.lengthen(layer, norm, layer.weight.flatten(1).norm(dim=1) / 10)


@pytest.mark.parametrize("kind", KINDS)
def test_lengths_come_back_and_outputs_stay(kind: str) -> None:
    net = settled(KINDS[kind]()).eval()
    outputs, weights = net(IMAGES), {name: tensor.clone() for name, tensor in net.state_dict().items()}
    with lengths.kept(net, EXAMPLE):
        shrink(net)
        shrunk = net(IMAGES)
    torch.testing.assert_close(shrunk, outputs, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(net(IMAGES), outputs, rtol=1e-3, atol=1e-3)
    for name, tensor in net.state_dict().items():
        torch.testing.assert_close(tensor, weights[name], rtol=1e-3, atol=1e-4)


def test_a_filter_that_is_zero_stays() -> None:
    net = settled(KINDS["residual"]())
    (layer, _), *_ = lengths.normed(net, EXAMPLE)
    with lengths.kept(net, EXAMPLE), torch.no_grad():
        layer.weight[0] = 0
    assert not layer.weight[0].any() and layer.weight[1:].flatten(1).any(1).all()


def test_a_norm_behind_something_else_is_not_in_front_of_a_layer() -> None:
    """It reads a sum, or an output that was changed in place."""
    layers = [nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)]
    net = nn.Sequential(*layers)
    assert lengths.normed(net, torch.rand(1, 3, 8, 8)) == [(layers[3], layers[4])]


def test_a_layer_that_something_else_reads_is_left_as_it_is() -> None:
    """The first layer of a dense block: a norm reads it, and later blocks do."""
    net = settled(KINDS["concatenating"]())
    assert net[0] not in [layer for layer, _ in lengths.normed(net, EXAMPLE)]


@pytest.mark.parametrize(("network", "count"), [("resnet20", 21), ("resnet18", 20), ("vgg8_bn", 5), ("lenet5", 0)])
def test_every_norm_of_a_usual_network_is_found(network: str, count: int) -> None:
    net = registry.load("network", network).build(3, 32, 10)
    assert len(lengths.normed(net, torch.rand(1, 3, 32, 32))) == count
