"""Every method from start to row on a GPU made of Python, found by file: its rows are those of the CPU, to the bit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
import torch

from benchmarks import registry
from benchmarks.schemas.record import MEASURED
from tests.gpu.conftest import NETWORKS, Jobs

METHODS = registry.keys("method")
CPU = torch.device("cpu")
DRAWN = "drawn on the CPU, so that a seed has the same numbers on every device"
TURN = "in a turn of the scorer alone: a line of the history, and with target MACs the channels that are off"
WAITS = {  # how often a training step may wait for the host, and why; others never
    "darts": (1, f"the validation images are {DRAWN}"),
    "dmcp": (2, f"two networks are {DRAWN}"),
    "evolution": (2, f"two widths are {DRAWN}"),
    "free_factor": (3, TURN),
    "l0": (1, f"noise is {DRAWN}"),
    "metapruning": (1, f"widths are {DRAWN}"),
    "obd": (1, f"labels are {DRAWN}"),
    "random_search": (2, f"two widths are {DRAWN}"),
    "switcher": (3, TURN),
    "switcher_transfer": (3, TURN),
    "tas": (3, f"noise and validation images are {DRAWN}"),
    "thinet": (8, f"the sampled outputs of every reader of a group are {DRAWN}"),
}


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("method", METHODS)
def test_its_rows_are_those_of_the_cpu(
    method: str, network: str, device: torch.device, jobs: Callable[[torch.device], Jobs]
) -> None:
    here, there = jobs(CPU), jobs(device)
    specs = here.specs(network, method)
    there.specs(network, method)
    refused = []
    for name in [name for name, spec in specs.items() if spec.method == method]:
        row = there.row(network, name, specs)
        assert row == here.row(network, name, specs)
        refused += [row["reason"]] if row["status"] not in MEASURED else []
    if refused:
        pytest.skip(refused[0])


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("method", METHODS)
def test_a_training_step_waits_for_nothing_else(
    method: str, network: str, device: torch.device, jobs: Callable[[torch.device], Jobs]
) -> None:
    there = jobs(device)
    specs = there.specs(network, method)
    most, why = WAITS.get(method, (0, "nothing is to be waited for"))
    for name in [name for name, spec in specs.items() if spec.method == method]:
        there.run(network, name, specs)
        worst = max(there.steps[network, name], key=Counter.total, default=Counter())
        assert worst.total() <= most, why
