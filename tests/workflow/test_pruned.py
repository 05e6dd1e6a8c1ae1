"""The networks that a study leaves are for use: each is loaded by the five names of its row, and exported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import load
from benchmarks.data import prepared
from benchmarks.pruned import normalisation
from benchmarks.registry import ROOT
from benchmarks.training.evaluate import evaluate
from tests.workflow.conftest import Project

NAMES = ["dataset", "network", "method", "target", "seed"]
RUN: dict[str, Any] = {"dataset": "digits", "network": "lenet5", "method": "l1", "target": "macs=0.5", "seed": 0}


def test_a_loaded_network_has_the_test_accuracy_of_its_row(undisturbed: Project) -> None:
    data = undisturbed.root / "data"
    test = prepared.load(data / "digits.safetensors", ("test",), torch.device("cpu"))["test"]
    for row in undisturbed.rows().astype({"seed": int, "test_accuracy": float, "params": int}).to_dict("records"):
        net = load(undisturbed.root / "results/tiny", **{name: row[name] for name in NAMES})
        assert not net.training and sum(p.numel() for p in net.parameters()) == row["params"]
        assert evaluate(net, test).accuracy == row["test_accuracy"]
    mean, std = normalisation(data, "digits")
    with torch.inference_mode():
        predicted = net((test.images.float() - mean) / std).argmax(1)
    assert (predicted == test.labels).double().mean().item() == row["test_accuracy"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"dataset": "cifar10"}, "runs has no dataset 'cifar10'; there is: digits"),
        ({"network": "resnet8"}, "runs/digits has no network 'resnet8'; there is: lenet5"),
        (
            {"method": "l2"},
            "has no method and target 'l2@macs=0.5'; there is: dense@free, l1@macs=0.5, l1@match:switcher",
        ),
        ({"target": "macs=0.3"}, "has no method and target 'l1@macs=0.3'; there is: dense@free"),
        ({"seed": 7}, "l1@macs=0.5 has no seed 7; there is: 0, 1"),
        ({"dataset": "../runs/digits"}, "has no dataset '../runs/digits'"),
    ],
)
def test_a_run_that_is_not_there_is_named_with_what_there_is(
    undisturbed: Project, change: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError) as error:
        load(undisturbed.root / "results/tiny", **RUN | change)
    assert said in str(error.value)


def test_a_dataset_that_is_not_prepared_is_named_with_those_that_are(undisturbed: Project) -> None:
    with pytest.raises(ValueError, match=r"data has no dataset 'cifar10.safetensors'; there is: digits.safetensors$"):
        normalisation(undisturbed.root / "data", "cifar10")


def test_a_study_without_networks_is_named_with_those_that_have_some(undisturbed: Project) -> None:
    with pytest.raises(ValueError, match=r"results/other holds no networks, for want of runs/; .*these do: tiny$"):
        load(undisturbed.root / "results/other", **RUN)


def test_a_run_that_left_no_network_says_why(finished: Project) -> None:
    finished.replace("results/tiny/runs/digits/lenet5/l1@macs=0.5/runs.json", '"status": "ok"', '"status": "diverged"')
    with pytest.raises(ValueError, match="seed 0 has left no network: diverged"):
        load(finished.root / "results/tiny", **RUN)


def export(project: Project, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tools.export", "results/tiny", *arguments]
    environment = project.environment | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=project.root, env=environment, text=True, capture_output=True)


def test_the_networks_that_are_asked_for_are_exported(finished: Project) -> None:
    done = export(finished, "--method", "l1", "--seed", "1")
    assert done.returncode == 0, done.stderr
    written = sorted((finished.root / "results/tiny/onnx").rglob("*.onnx"))
    assert [path.parts[-2:] for path in written] == [("l1@macs=0.5", "1.onnx"), ("l1@match:switcher", "1.onnx")]
    assert all(str(path.relative_to(finished.root)) in done.stdout for path in written)


def test_nothing_to_export_is_one_error(finished: Project) -> None:
    done = export(finished, "--method", "l2")
    assert (
        done.returncode and "no network of method 'l2' is left to export; there is: dense, l1, switcher" in done.stderr
    )
    assert not Path(finished.root / "results/tiny/onnx").exists()
