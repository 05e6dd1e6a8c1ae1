"""The layout of a network: where channels last gives wrong gradients on the CPU, channels stay first."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from benchmarks.training.network import lay_out
from methods.core.cells import Reduce


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 8, 16])
def test_gradients_of_strided_pointwise_convolutions_are_right_at_every_width(channels: int) -> None:
    """With channels last, a weight's gradient overruns a buffer: wrong numbers, or the end of the process."""
    torch.manual_seed(0)
    images = torch.randn(8, channels, 8, 8)
    net = nn.Sequential(nn.Conv2d(channels, channels, 1), nn.ReLU(), nn.Conv2d(channels, 32, 1, stride=2, bias=False))
    exact = copy.deepcopy(net).double()
    lay_out(net, images[:1])
    for each, its in ((net, images.contiguous(memory_format=torch.channels_last)), (exact, images.double())):
        for _ in range(20):
            each.zero_grad()
            each(its).square().sum().backward()
    for ours, right in zip(net.parameters(), exact.parameters(), strict=True):
        assert torch.allclose(ours.grad.double(), right.grad, rtol=1e-3, atol=1e-3)


def test_other_networks_have_channels_last() -> None:
    net = lay_out(nn.Sequential(nn.Conv2d(3, 32, 3), nn.Conv2d(32, 4, 1, stride=2)), torch.zeros(1, 3, 8, 8))
    assert all(layer.weight.is_contiguous(memory_format=torch.channels_last) for layer in net)


@pytest.mark.parametrize("size", [7, 8])
def test_a_cell_halves_a_map_as_the_paper_does(size: int) -> None:
    """The same as two convolutions with a stride of 2, the second a pixel further."""
    torch.manual_seed(0)
    net, images = Reduce(6, 5, affine=True).eval(), torch.randn(2, 6, size, size)
    x = images.relu()
    further = nn.functional.pad(x, (0, 1, 0, 1))[:, :, 1:, 1:]
    strided = [nn.functional.conv2d(of, conv.weight, stride=2) for of, conv in ((x, net.here), (further, net.beside))]
    with torch.no_grad():
        assert torch.allclose(net(images), net.norm(torch.cat(strided, 1)), atol=1e-5)
