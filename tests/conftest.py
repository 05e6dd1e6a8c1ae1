"""One thread, repeatable examples, tiny networks of every kind, and a trainer over a dataset without a test part."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, settings
from torch import nn

from benchmarks.data.dataset import Augment, Part
from benchmarks.schemas.recipe import Recipe
from benchmarks.training.checkpoint import Journal
from benchmarks.training.trainer import Trainer
from methods.core.structure.structure import Structure
from tests.kinds import EXAMPLE, KINDS

settings.register_profile(
    "espalier", derandomize=True, deadline=None, max_examples=12, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("espalier")
torch.set_num_threads(1)

RECIPE = Recipe(lr=0.05, batch_size=32, momentum=0.9, weight_decay=5e-4, warmup=0.1)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: networks of real size; leave out with -m 'not slow'")
    config.addinivalue_line("markers", "decides: what a method learned or found decides what it keeps")
    config.addinivalue_line("markers", "gpu: on CUDA; `make gpu` runs them alone")


LONGEST_FIRST = ("test_slurm.py", "workflow", "faults", "methods")
"""Files and folders whose tests take minutes: they begin first, so that no worker ends long after the others."""


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What shares a run stays on one worker: a method's conformance tests, or else a file's."""
    for item in items:
        method = getattr(item, "callspec", None) and item.callspec.params.get("method")
        item.add_marker(pytest.mark.xdist_group(str(method or item.path.name)))
    items.sort(key=lambda item: next((i for i, name in enumerate(LONGEST_FIRST) if name in item.path.parts), 99))


@pytest.fixture(scope="session", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """The name of a kind of network."""
    return request.param


@pytest.fixture(scope="session")
def parts() -> dict[str, Part]:
    """Two classes, 8x8 grey, 96 images for training and 48 for validation. No test part: no method can see one."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(144) % 2
    images = torch.randint(0, 120, (144, 1, 8, 8), generator=generator, dtype=torch.uint8)
    images[labels == 1, :, 2:5, 2:5] += 100
    mean, std = torch.full((1, 1, 1, 1), 70.0), torch.full((1, 1, 1, 1), 45.0)
    return {
        "train": Part(images[:96], labels[:96], mean, std),
        "validation": Part(images[96:], labels[96:], mean, std),
    }


@pytest.fixture
def make_trainer(parts: dict[str, Part], tmp_path: Path) -> Callable[..., Trainer]:
    """A trainer of `epochs` epochs of 3 steps over the tiny dataset; each has a journal of its own by default."""
    made = 0

    def make(net: nn.Module, epochs: int = 4, folder: Path | None = None, **changes: Any) -> Trainer:
        nonlocal made
        made += 1
        settings = {
            "data": parts,
            "augment": Augment(shift=1, flip=True),
            "recipe": RECIPE,
            "journal": Journal(folder or tmp_path / f"journal-{made}"),
            "run": ("tiny", type(net).__name__, 0),
        }
        if "structure" not in changes:  # tracing takes longer than a few steps
            settings["structure"] = Structure.of(net, EXAMPLE)
        trainer = Trainer(**settings | changes)
        trainer.budget.end = epochs * trainer.epoch_steps
        trainer.begin("learn", trainer.structure.macs(trainer.structure.everything()), "continue")
        return trainer

    return make
