"""Jobs over a tiny dataset, run in a folder that a test may spoil."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.data import prepared
from benchmarks.schemas.spec import Spec
from tests.benchmarks.test_train import Bench, specs, timeless


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """192 images in the form of the digits; ten classes of a bright row each."""
    generator = torch.Generator().manual_seed(0)
    parts = {}
    for part, count in (("train", 192), ("validation", 50), ("test", 50)):
        labels = torch.arange(count) % 10
        images = torch.randint(0, 120, (count, 1, 8, 8), generator=generator, dtype=torch.uint8)
        images[torch.arange(count), 0, labels % 8, labels // 2] = 255
        parts[part] = images, labels
    path = tmp_path / "data" / "digits.safetensors"
    prepared.write(path, parts)
    return path


@pytest.fixture
def bench(tmp_path: Path, data: Path) -> Bench:
    return Bench(tmp_path / "own", data)


@pytest.fixture(scope="session")
def spec() -> Spec:
    """A cell that takes six epochs' worth of loops: a switcher and its network in turns."""
    return specs(seeds=1)["switcher@free"]


@pytest.fixture
def whole(tmp_path: Path, data: Path, spec: Spec) -> Any:
    """What the cell leaves without trouble."""
    return timeless(Bench(tmp_path / "whole", data).cell(spec))


@pytest.fixture
def mount() -> Iterator[Callable[..., None]]:
    """Mount something for the test; skipped where that is not allowed."""
    mounted: list[Path] = []

    def mounts(*options: str, at: Path) -> None:
        done = subprocess.run(["mount", *options, str(at)], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")
        if at not in mounted:
            mounted.append(at)

    yield mounts
    for at in mounted:
        subprocess.run(["umount", "--lazy", str(at)], check=True)
