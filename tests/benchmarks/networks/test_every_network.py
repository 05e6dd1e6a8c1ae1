"""What is asked of every network that is found, and the published counts."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from benchmarks import registry
from benchmarks.schemas.spec import Spec
from benchmarks.training.network import initialise

NETWORKS = registry.keys("network")


def parameters(net: nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


@pytest.mark.parametrize("network", NETWORKS)
class TestEveryNetwork:
    @pytest.mark.parametrize("channels", [1, 3])
    @pytest.mark.parametrize("size", [8, 28, 32])
    def test_takes_images_of_any_dataset(self, network: str, size: int, channels: int) -> None:
        with torch.device("meta"):  # the shape alone is asked for
            net = registry.load("network", network).build(channels, size, 7)
            assert net.eval()(torch.zeros(2, channels, size, size)).shape == (2, 7)

    def test_says_where_it_is_from(self, network: str) -> None:
        module = registry.load("network", network)
        doc = module.__doc__
        assert "Source:" in doc or "_cifar_resnet" in doc

    def test_is_initialised_by_its_layers_alone(self, network: str) -> None:
        """New weights for a pruned network leave nothing of the old ones."""
        net = registry.load("network", network).build(1, 8, 10)
        for parameter in net.parameters():
            parameter.data.fill_(7)
        initialise(net, Spec.model_construct(dataset="digits", network=network), 0)
        assert not any((parameter == 7).any() for parameter in net.parameters())


def test_lenet5_has_the_published_61_706_parameters() -> None:
    lenet5 = registry.load("network", "lenet5")
    assert parameters(lenet5.build(1, 32, 10)) == parameters(lenet5.build(1, 28, 10)) == 61_706


@pytest.mark.parametrize(
    ("network", "published", "shortcuts"),
    [
        # Published (He et al., table 6) with padded shortcuts, without parameters; a projection has 16 * 32 weights
        # and 2 * 32 of its norm, and 32 * 64 and 2 * 64 in the next stage: 2,752 in all.
        ("resnet20", 269_722, 2_752),
        ("resnet56", 853_018, 2_752),
    ],
)
def test_resnets_have_the_published_parameters_and_their_projections(
    network: str, published: int, shortcuts: int
) -> None:
    net = registry.load("network", network).build(3, 32, 10)
    assert parameters(net) == published + shortcuts
    assert round(published / 1e6, 2) == {"resnet20": 0.27, "resnet56": 0.85}[network]


@pytest.mark.parametrize(("network", "layers"), [("resnet8", 8), ("resnet20", 20), ("resnet56", 56)])
def test_resnets_have_the_layers_of_their_name(network: str, layers: int) -> None:
    net = registry.load("network", network).build(3, 32, 10)
    weighted = [name for name, module in net.named_modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    assert len([name for name in weighted if "shortcut" not in name]) == layers


@pytest.mark.parametrize(("network", "millions"), [("resnet20", 40.81), ("resnet56", 125.75)])
def test_resnets_have_the_published_macs(network: str, millions: float) -> None:
    """Published with padded shortcuts: 40.6 M and 125.5 M at 32x32; the two projections add 0.26 M."""
    from torch.utils.flop_counter import FlopCounterMode

    net = registry.load("network", network).build(3, 32, 10)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net.eval()(torch.zeros(1, 3, 32, 32))
    assert counter.get_total_flops() / 2e6 == pytest.approx(millions, abs=0.01)
