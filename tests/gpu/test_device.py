"""The GPU made of Python is as strict as CUDA, counts what a GPU would wait for, and finds what the CPU hides."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from benchmarks.machine.device import channels_last
from methods import gate_decorator, l0
from tests.gpu import device as python_gpu
from tests.gpu.conftest import Jobs
from tests.kinds import KINDS


@pytest.fixture
def waits(device: torch.device) -> Callable[[], dict[str, int]]:
    """What was waited for since the last call."""
    before = Counter(python_gpu.waits)

    def since() -> dict[str, int]:
        nonlocal before
        found, before = Counter(python_gpu.waits) - before, Counter(python_gpu.waits)
        return dict(found)

    return since


def test_a_tensor_of_the_cpu_is_refused_and_a_number_is_not(device: torch.device) -> None:
    here, there = torch.ones(3), torch.ones(3, device=device)
    for refused in (
        lambda: there + here,
        lambda: here + there,
        lambda: here.add_(there),
        lambda: torch.cat([here, there]),
        lambda: torch.zeros(()).add_(there.sum()),
        lambda: here[torch.zeros(1, dtype=torch.int64, device=device)],
    ):
        with pytest.raises(RuntimeError, match="all tensors to be on the same device"):
            refused()
    assert (there * torch.tensor(2.0)).tolist() == [2, 2, 2]
    assert there[torch.tensor([0, 1])].tolist() == [1, 1], "CUDA takes indices on the CPU"


def test_random_numbers_are_its_own(device: torch.device) -> None:
    with pytest.raises(RuntimeError, match="generator"):
        torch.ones(3, device=device).uniform_(generator=torch.Generator())
    torch.manual_seed(0)
    here = torch.rand(3)
    there = torch.rand(3, device=device)
    again = torch.rand(3)
    torch.manual_seed(0)
    assert torch.equal(torch.rand(3, device=device), there) and not torch.equal(there.cpu(), here)
    torch.manual_seed(0)
    assert torch.equal(torch.rand(6)[3:], again), "they take nothing from the CPU's"


def test_what_waits_is_counted(device: torch.device, waits: Callable[[], dict[str, int]]) -> None:
    there = torch.arange(4.0).to(device)
    assert waits() == {"copy to the device": 1}
    for run, reason in (
        (lambda: there.sum().item(), "item"),
        (lambda: bool((there > 1).all()), "item"),
        (lambda: there.nonzero(), "nonzero"),
        (lambda: there[there > 1], "boolean index"),
        (lambda: there.cpu(), "copy to the CPU"),
        (lambda: there.tolist(), "copy to the CPU"),
        (lambda: there.unique(), "unique"),
        (lambda: torch.equal(there, there), "equal"),
        (lambda: there[torch.tensor([1])], "index on the CPU"),
        (lambda: torch.tensor([1.0], device=device), "copy to the device"),
    ):
        run()
        assert waits() == {reason: 1}
    (there.exp() * 2).sum().add(1)
    there[torch.where(there > 1, 1, 0)] = 0.0
    assert waits() == {}


def test_it_trains_a_network_to_the_bits_of_the_cpu(kind: str, device: torch.device) -> None:
    torch.manual_seed(0)
    nets = [KINDS[kind]()]
    nets.append(channels_last(copy.deepcopy(nets[0]).to(device)))
    channels_last(nets[0])
    images, labels = torch.randn(6, 1, 8, 8), torch.arange(6) % 2
    for net in nets:
        where = next(net.parameters()).device
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
        for _ in range(3):
            loss = nn.functional.cross_entropy(net(images.to(where)), labels.to(where))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    here, there = (net.state_dict() for net in nets)
    assert all(tensor.device.type == device.type and torch.equal(tensor.cpu(), here[n]) for n, tensor in there.items())


def masks_on_the_cpu(patched: pytest.MonkeyPatch) -> None:
    patched.setattr(gate_decorator, "masks", lambda net, keep: {name: mask.float() for name, mask in keep.items()})


def generator_of_the_cpu(patched: pytest.MonkeyPatch) -> None:
    def sample(gate: l0.HardConcrete, generator: torch.Generator) -> dict[str, Tensor]:
        return gate._stretched(torch.rand_like(gate.log_alpha).uniform_(generator=generator))

    patched.setattr(l0.HardConcrete, "sample", sample)


@pytest.mark.parametrize(
    ("fault", "method", "cell"),
    [(masks_on_the_cpu, "gate_decorator", "gate_decorator@macs=0.5"), (generator_of_the_cpu, "l0", "l0@free")],
)
def test_a_fault_that_the_cpu_hides_is_found(
    fault: Callable[[pytest.MonkeyPatch], None],
    method: str,
    cell: str,
    fresh_jobs: Jobs,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    specs = fresh_jobs.specs("lenet5", method)
    (name,) = [name for name, spec in specs.items() if spec.method == method]
    fault(monkeypatch)
    with pytest.raises(RuntimeError, match="expected"):
        fresh_jobs.run("lenet5", name, specs)
