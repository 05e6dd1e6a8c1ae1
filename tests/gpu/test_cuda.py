"""On CUDA: every method, found by file, from start to row, close to the CPU's row and the same when it is run again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from benchmarks import measure, registry
from benchmarks.schemas.record import MEASURED
from benchmarks.training.checkpoint import Journal
from tests.gpu.conftest import NETWORKS, Jobs

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that torch can use"),
]
METHODS = registry.keys("method")
CPU, CUDA = torch.device("cpu"), torch.device("cuda")
CLOSE = 0.1  # of the loss of the first epoch: in another order of summation, float32 drifts apart with every step


@pytest.fixture(scope="session", autouse=True)
def settings() -> None:
    """As in a job."""
    from benchmarks.machine import device

    device.choose(torch.get_num_threads())


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("method", METHODS)
def test_a_row_is_close_to_the_cpus_and_the_same_again(
    method: str, network: str, jobs: Callable[[torch.device], Jobs], data: Path, tmp_path: Path
) -> None:
    here, there, again = jobs(CPU), jobs(CUDA), Jobs(tmp_path, data, CUDA)
    specs = here.specs(network, method)
    there.specs(network, method), again.specs(network, method)
    for name in [name for name, spec in specs.items() if spec.method == method]:
        row, expected = there.row(network, name, specs), here.row(network, name, specs)
        assert row == again.row(network, name, specs)
        assert row["macs_dense"] == expected["macs_dense"]
        if row["history"] and expected["history"]:
            first, other = row["history"][0]["train_loss"], expected["history"][0]["train_loss"]
            assert first == pytest.approx(other, rel=CLOSE)
        if row["status"] in MEASURED and "macs=" in name:
            assert row["macs"] == pytest.approx(0.5 * row["macs_dense"], rel=0.03)


def test_memory_and_latency_are_in_the_row(jobs: Callable[[torch.device], Jobs], data: Path) -> None:
    there = jobs(CUDA)
    specs = there.specs("resnet8", "uniform")
    (row,) = measure.measure([(specs["uniform@macs=0.5"], there.run("resnet8", "uniform@macs=0.5", specs))], data, CUDA)
    assert row["device"] == torch.cuda.get_device_name()
    assert min(row["latency_gpu_b1_ms"], row["latency_gpu_b128_ms"], row["latency_cpu_b1_ms"]) > 0
    assert row["bytes"] / 2**20 < row["peak_memory_mb"] < 100, "of this network, not of what else is on the GPU"


class KilledError(Exception):
    """The process ended here."""


def test_a_killed_job_goes_on(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, killed = Jobs(tmp_path / "whole", data, CUDA), Jobs(tmp_path / "killed", data, CUDA)
    specs, name = whole.specs("resnet8", "switcher"), "switcher@macs=0.5"
    killed.specs("resnet8", "switcher")
    write, saves = Journal.write, 0

    def mortal(path: Path, state: object) -> None:
        nonlocal saves
        saves += 1
        if saves == 3:
            raise KilledError
        write(path, state)

    with monkeypatch.context() as patched, pytest.raises(KilledError):
        patched.setattr(Journal, "write", staticmethod(mortal))
        killed.run("resnet8", name, specs)
    assert killed.row("resnet8", name, specs) == whole.row("resnet8", name, specs)


def test_a_captured_step_gives_the_numbers_of_an_eager_one(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchmarks.machine import graphs

    captures = []

    def counted(function: Callable[[], torch.Tensor]) -> object:
        captures.append(captured := cuda_graph(function))
        return captured

    cuda_graph = graphs.cuda_graph
    monkeypatch.setattr(graphs, "cuda_graph", counted)
    rows = []
    for eager in (2, 10**9):
        monkeypatch.setattr(graphs, "EAGER", eager)
        job = Jobs(tmp_path / str(eager), data, CUDA)
        specs = job.specs("resnet8", "l1")
        rows.append(job.row("resnet8", "l1@macs=0.5", specs))
    assert captures and rows[0] == rows[1]
