"""What jobs ask a cluster for."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from benchmarks import registry
from benchmarks.registry import ROOT
from benchmarks.study.config import Study, parse
from benchmarks.study.resources import measure_minutes, memory_mb, sizes, train_minutes
from tests.workflow.conftest import TINY

DATASETS = registry.keys("dataset")


def study(**changes: Any) -> Study:
    return parse(TINY | changes, "test")


@pytest.mark.parametrize("dataset", DATASETS)
def test_what_is_read_is_what_the_file_says(dataset: str) -> None:
    module, read = registry.load("dataset", dataset), sizes(dataset)
    channels, height, width = module.SHAPE
    assert (read.train, read.test, read.images) == (module.IMAGES[0], module.IMAGES[2], sum(module.IMAGES))
    assert read.kib * 1024 == channels * height * width


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_dataset_gets_what_it_needs_at_least(dataset: str) -> None:
    held = sizes(dataset).images * sizes(dataset).kib / 1024
    assert memory_mb(study(datasets=[dataset]), dataset, "resnet20") >= 4000 + min(held, 8192)
    hours = train_minutes(study(datasets=[dataset], seeds=1, epochs=90), dataset, "resnet20", gpu=True) / 60
    assert 0 < hours < (500 if dataset == "imagenet" else 24)


def test_time_grows_with_what_there_is_to_train() -> None:
    def minutes(gpu: bool = False, **changes: Any) -> int:
        return train_minutes(study(datasets=["cifar10"], **changes), "cifar10", "lenet5", gpu)

    assert minutes(seeds=4) - minutes(seeds=2) == pytest.approx(minutes(seeds=2) - 10, abs=1)
    assert minutes(epochs=16) - minutes(epochs=8) == pytest.approx(minutes(epochs=8) - 10, abs=1)
    assert minutes(where={"cifar10": {"epochs": 20}}) > minutes()
    assert minutes(gpu=True) < minutes()
    few, many = (measure_minutes(study(datasets=["cifar10"]), "cifar10", "lenet5", runs, False) for runs in (2, 200))
    assert few < many
    assert minutes(recipe={"batch_size": 1}) > minutes()


def test_planning_imports_no_torch() -> None:
    code = "import sys, benchmarks.study.resources; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
