"""Parts of a run on a GPU made of Python, each against the same on the CPU: the same bits."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from torch import Tensor, nn

from benchmarks.data import prepared
from benchmarks.data.dataset import Augment, Part
from benchmarks.schemas.runs import MODELS
from benchmarks.training.checkpoint import Journal
from benchmarks.training.evaluate import evaluate
from benchmarks.training.network import initialise
from methods.core.structure.structure import Structure
from methods.core.switching.readings import Name, reading
from methods.core.switching.switcher_net import Reader, Switcher
from methods.core.switching.views import Input
from tests.gpu.conftest import Jobs
from tests.kinds import EXAMPLE, KINDS, settled

CPU = torch.device("cpu")


def assert_same(here: dict[str, Tensor], there: dict[str, Tensor]) -> None:
    assert all(tensor.device != CPU for tensor in there.values())
    assert [name for name, tensor in there.items() if not torch.equal(tensor.cpu(), here[name])] == []
    assert here.keys() == there.keys()


@pytest.mark.parametrize("streamed", [False, True])
def test_batches(streamed: bool, data: Path, device: torch.device, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepared, "IN_MEMORY", 0 if streamed else 2**30)

    def batches(where: torch.device) -> list[Any]:
        part = prepared.load(data, ("train",), where)["train"]
        order = torch.Generator().manual_seed(5)
        found = [*part.epoch(8, Augment(shift=1, flip=True), order, first=1), *part.batches(10)]
        assert {tensor.device.type for batch in found for tensor in batch} == {where.type}
        return [[tensor.cpu().tolist() for tensor in batch] for batch in found]

    assert batches(device) == batches(CPU)


def test_scores(data: Path, device: torch.device) -> None:
    def score(where: torch.device) -> Any:
        parts: dict[str, Part] = prepared.load(data, ("validation",), where)
        return evaluate(settled(KINDS["residual"](classes=10)).to(where), parts["validation"])

    assert score(device) == score(CPU)


def test_a_smaller_network(kind: str, device: torch.device) -> None:
    def small(where: torch.device) -> dict[str, Tensor]:
        net = settled(KINDS[kind]()).to(where)
        structure = Structure.of(net, EXAMPLE.to(where))
        keep = {group.name: torch.arange(group.size) % 2 == 0 for group in structure.groups}
        return structure.shrink(net, keep).state_dict()

    assert_same(small(CPU), small(device))


def test_initial_weights_are_those_of_the_cpu(device: torch.device, fresh_jobs: Jobs) -> None:
    """Also where a network that is on the device gets new weights."""
    spec = fresh_jobs.specs("lenet5", "dense")["dense@free"]
    here = KINDS["residual"]()
    there = copy.deepcopy(here).to(device)
    for net in (here, there):
        initialise(net, spec, 3)
    assert_same(here.state_dict(), there.state_dict())


@pytest.mark.parametrize("name", get_args(Name))
def test_readings_and_their_gradients(name: Name, device: torch.device) -> None:
    def read(where: torch.device) -> dict[str, Tensor]:
        made = reading(name)
        generator = torch.Generator().manual_seed(1)
        drawn = {group: torch.randn(9, made.heads, generator=generator) for group in "ab"}
        scores = {group: p.to(where).requires_grad_() for group, p in drawn.items()}
        factors = made.factors(scores, 0.5)
        weights = torch.arange(9.0, device=where)
        sum((factor * weights).sum() for factor in factors.values()).backward()  # type: ignore[union-attr]
        return {f"factor {n}": f.detach() for n, f in factors.items()} | {
            f"gradient {n}": p.grad for n, p in scores.items()
        }  # type: ignore[dict-item]

    assert_same(read(CPU), read(device))


@pytest.mark.parametrize("reader", get_args(Reader))
@pytest.mark.parametrize("of", get_args(Input))
def test_scores_of_a_switcher(reader: Reader, of: Input, device: torch.device) -> None:
    def scores(where: torch.device) -> dict[str, Tensor]:
        net: nn.Module = settled(KINDS["residual"]()).to(where)
        groups = Structure.of(net, EXAMPLE.to(where)).groups
        switcher = Switcher(net, groups, torch.Generator().manual_seed(2), reader=reader, input=of)
        return {name: score.detach() for name, score in switcher(net).items()}

    assert_same(scores(CPU), scores(device))


class KilledError(Exception):
    """The process ended here."""


@pytest.mark.parametrize("last", [2, 4])
def test_a_killed_job_goes_on(last: int, fresh_jobs: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def outputs(jobs: Jobs) -> Any:
        out = jobs.run("lenet5", "switcher@macs=0.5", jobs.specs("lenet5", "switcher"))
        (record,) = json.loads((out / "runs.json").read_text())
        return record["history"], (out / MODELS).read_bytes()

    write, saves = Journal.write, 0

    def mortal(path: Path, state: Any) -> None:
        nonlocal saves
        saves += 1
        if saves == last:
            raise KilledError
        write(path, state)

    with monkeypatch.context() as patched, pytest.raises(KilledError):
        patched.setattr(Journal, "write", staticmethod(mortal))
        outputs(fresh_jobs)
    assert outputs(fresh_jobs) == outputs(Jobs(tmp_path / "whole", fresh_jobs.data, fresh_jobs.device))
