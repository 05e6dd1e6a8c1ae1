"""Methods on networks whose norms have no scale, or whose activations make something else of 0."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from benchmarks import registry
from benchmarks.training.network import realise
from benchmarks.training.trainer import Trainer
from methods.core.api import Unsupported
from tools.zoo.small import SMALL

NETWORKS = ["BatchNorm2d(affine=False)", "InstanceNorm2d", "classic LeNet", "repvgg"]
USE_GATES = ["gate_decorator", "l0", "morphnet", "resrep", "slimming", "sss", "thinet"]


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("method", USE_GATES)
def test_gates_and_scales_are_found_or_missed_in_one_sentence(
    method: str, network: str, make_trainer: Callable[..., Trainer]
) -> None:
    module = registry.load("method", method)
    torch.manual_seed(0)
    net = SMALL[network]()
    trainer = make_trainer(net, epochs=2, target=0.6 if "macs" in module.TARGETS else None)
    try:
        keep = module.learn(net, trainer, module.Knobs())
    except Unsupported as reason:
        assert "\n" not in str(reason)
        return
    found = realise(keep, net, trainer.structure, trainer.data["validation"])
    assert found.logit_difference <= 1e-4
