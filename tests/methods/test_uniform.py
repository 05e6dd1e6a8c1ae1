"""The thinner network: the first channels of every group, in the same share."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from benchmarks.training.trainer import Trainer
from methods import uniform
from tests.kinds import KINDS, settled


@pytest.mark.parametrize("target", [0.3, 0.5, 0.7])
def test_the_first_channels_of_every_group_stay_in_one_share(
    make_trainer: Callable[..., Trainer], target: float
) -> None:
    net = settled(KINDS["residual"]())
    keep = uniform.learn(net, make_trainer(net, target=target), uniform.Knobs())
    assert all(torch.equal(mask, torch.arange(len(mask)) < mask.sum()) for mask in keep.values())
    shares = [mask.float().mean().item() for mask in keep.values()]
    assert max(shares) - min(shares) <= 1 / 12
    assert max(shares) == pytest.approx(target**0.5, abs=0.1), "MACs go with the square of the width"


def test_only_the_shape_counts() -> None:
    """Its weights are trained anew for the whole budget: it trains none itself."""
    assert uniform.RETRAIN == "scratch"
    assert uniform.START == "init"
