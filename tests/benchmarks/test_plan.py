"""What a study costs is counted as the docstring of benchmarks/plan.py says, and measured without data."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from benchmarks import plan, registry
from benchmarks.machine.device import precision
from benchmarks.plan import Line
from benchmarks.study.config import Study, parse
from benchmarks.study.specs import cell_spec, start_spec
from methods.core.structure.cost import count_macs

CPU = torch.device("cpu")
GOOD: dict[str, Any] = {
    "study": "tiny",
    "datasets": ["digits"],
    "networks": ["lenet5"],
    "methods": ["dense", "l1", "uniform", "switcher"],
    "targets": ["macs=0.5", "free", "match:switcher"],
    "seeds": [3, 5],
    "epochs": 20,
    "pretrain_epochs": 8,
}


CARDS: dict[str, dict[str, Any]] = {
    "dense": {"targets": ("free",), "start": "pretrained", "retrain": None},
    "l1": {"targets": ("macs",), "start": "pretrained", "retrain": None},
    "uniform": {"targets": ("macs",), "start": "init", "retrain": "scratch"},
    "switcher": {"targets": ("free",), "start": "init", "retrain": None},
}


@pytest.fixture(autouse=True, scope="module")
def cards() -> Iterator[None]:
    """Four kinds of methods, whatever becomes of the files of these names."""
    card = registry.card
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "card", lambda key: replace(card(key), **CARDS.get(key, {})))
        yield


def study(**changes: Any) -> Study:
    return parse(GOOD | changes, "x.yaml")


def epochs(of: Study) -> dict[str, float]:
    return {cell.folder: plan.own_epochs(of, cell) for cell in of.cells()}


def test_a_run_costs_its_own_epochs_half_of_them_at_the_targets_share() -> None:
    assert epochs(study()) == {
        "dense@free": 12,  # 8 of 20 are the shared start's
        "l1@macs=0.5": 6 + 3,
        "l1@match:switcher": 12,
        "uniform@macs=0.5": 10 + 5,
        "uniform@match:switcher": 10 + 10,
        "switcher@free": 20,
    }


def test_training_a_found_shape_anew_shares_the_budget_unless_the_papers_is_asked_for() -> None:
    assert epochs(study(methods=["dense", "dmcp", {"dmcp": {"budget": "paper"}}], targets=["macs=0.5"])) == {
        "dense@free": 12,
        "dmcp@macs=0.5": 10 + 5,
        "dmcp,budget=paper@macs=0.5": 10 + 10,
    }


@given(fraction=st.sampled_from(["0.1", "0.3", "0.5", "0.9"]), pretrain=st.integers(0, 19))
def test_a_smaller_target_never_costs_more(fraction: str, pretrain: int) -> None:
    planned = study(methods=["l1"], targets=[f"macs={fraction}", "macs=0.95"], pretrain_epochs=pretrain)
    smaller, larger = epochs(planned).values()
    assert (20 - pretrain) / 2 < smaller < larger < 20 - pretrain


def test_only_runs_of_the_present_code_and_settings_are_done(tmp_path: Path) -> None:
    spec = start_spec(study(), "digits", "lenet5")
    assert plan.finished(spec, tmp_path) == 0
    good = {"code_hash": spec.code_hash, "config_hash": spec.config_hash}
    records = [{"seed": 3, **good}, {"seed": 9, **good}, {"seed": 5, **good, "code_hash": "other"}]
    (tmp_path / "runs.json").write_text(json.dumps(records))
    assert plan.finished(spec, tmp_path) == 1


def test_a_line_counts_cells_runs_and_what_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planned = study(methods=["dense", "switcher"], targets=["free"])
    monkeypatch.setattr(plan, "time_steps", lambda *_: (1000, 0.5))
    (line,) = plan.plan(planned, tmp_path, CPU)
    assert (line.cells, line.runs, line.done, line.epochs) == (2, 2 * 2 + 2, 0, 2 * (12 + 20 + 8))
    assert line.recipe == "tuned"
    assert line.macs == line.epochs * 3 * 1000 * 1047 and line.hours == line.epochs * 0.5 * 1047 / 3600

    (dense, _) = planned.cells()
    used = planned.model_copy(update={"precision": precision(planned.precision, CPU)})  # what a run records
    spec = cell_spec(used, dense)
    folder = tmp_path / "runs/digits/lenet5/dense@free"
    folder.mkdir(parents=True)
    hashes = {"code_hash": spec.code_hash, "config_hash": spec.config_hash}
    (folder / "runs.json").write_text(json.dumps([{"seed": seed, **hashes} for seed in planned.seeds]))
    (line,) = plan.plan(planned, tmp_path, CPU)
    assert (line.done, line.epochs) == (2, 2 * (20 + 8))


def test_without_pretraining_there_is_no_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "time_steps", lambda *_: (1000, 0.5))
    (line,) = plan.plan(study(methods=["dense"], targets=["free"], pretrain_epochs=0), tmp_path, CPU)
    assert (line.runs, line.epochs) == (2, 2 * 20)


@pytest.mark.parametrize("dataset", ["mnist", "cifar10"])
def test_steps_are_timed_without_the_data(dataset: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(_: Path) -> None:
        raise AssertionError("the dataset was read")

    monkeypatch.setattr(registry.load("dataset", dataset), "read", read)
    macs, seconds = plan.time_steps(start_spec(study(datasets=[dataset]), dataset, "lenet5"), CPU, 0.05)
    net = registry.load("network", "lenet5").build(*registry.load("dataset", dataset).SHAPE[:2], 10)
    assert macs == count_macs(net, torch.zeros(1, *registry.load("dataset", dataset).SHAPE))
    assert seconds > 0


def test_a_step_is_the_mean_of_those_after_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = start_spec(study(), "digits", "lenet5")
    net, structure = plan.new_network(spec, 0, plan._random(spec, 4, CPU), CPU)
    now, steps = 0.0, iter([100.0, 1.0, 2.0, 6.0, 50.0])  # seconds of each
    monkeypatch.setattr(plan.time, "perf_counter", lambda: now)

    def pass_time(*_: object) -> None:
        nonlocal now
        now += next(steps)

    net.register_forward_hook(pass_time)
    assert plan._step_seconds(spec, net, structure, 4, 8.0, CPU) == 3.0


@pytest.mark.parametrize(
    ("once", "image", "sizes"),
    [
        (0.0, 1e-6, [2, 8, 32]),
        (0.0, 0.1, [2, 8]),  # eight take most of a second, a quarter of the time that there is
        (0.0, 100.0, [2]),
        (0.1, 0.001, [2, 8, 32]),  # most of a small step is the optimizer's, as in large networks
    ],
)
def test_networks_are_timed_on_as_many_images_as_there_is_time_for(
    once: float, image: float, sizes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """once, image: seconds of a step, and of each image in it."""
    timed = []

    def steps(_spec: object, _net: object, _structure: object, size: int, _seconds: float, _device: object) -> float:
        timed.append(size)
        return once + image * size

    monkeypatch.setattr(plan, "_step_seconds", steps)
    assert plan.time_steps(start_spec(study(), "digits", "lenet5"), CPU, 4.0)[1] == pytest.approx(
        once / sizes[-1] + image
    )
    assert timed == sizes


def test_timing_a_step_trains_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rate that is meant for large batches ends in NaN on two images, and a plan in an error."""
    spec = start_spec(study(), "digits", "lenet5")
    spec = spec.model_copy(update={"recipe": spec.recipe.model_copy(update={"lr": 1e30})})
    net, structure = plan.new_network(spec, 0, plan._random(spec, 2, CPU), CPU)
    assert plan._step_seconds(spec, net, structure, 2, 0.2, CPU) > 0


def test_the_table_has_a_line_for_each_and_the_total() -> None:
    lines = [Line("digits", "lenet5", 3, 6, 2, 10.0, 2e9, 360.0), Line("svhn", "vgg", 4, 8, 0, 5.0, 1e12, 720000.0)]
    lines = [replace(line, recipe=recipe) for line, recipe in zip(lines, ("tuned", "default"), strict=True)]
    console = Console(file=io.StringIO(), width=80)
    console.print(plan.table(lines, 4, "a processor"))
    printed = console.file.getvalue()  # type: ignore[attr-defined]
    rows = [line.split() for line in printed.splitlines()]
    for row in (
        ["digits", "lenet5", "3", "2", "4", "2.0e+10", "1.00", "0.25", "tuned"],
        ["svhn", "vgg", "4", "0", "8", "5.0e+12", "1,000", "250", "default"],
        ["Total", "7", "2", "12", "5.0e+12", "1,001", "250"],
    ):
        assert row in rows
    assert "a processor" in printed
