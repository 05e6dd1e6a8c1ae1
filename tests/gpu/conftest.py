"""The GPU made of Python, and jobs of a tiny study on it and on the CPU."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save

from benchmarks import measure, registry
from benchmarks.schemas.recipe import Recipe
from benchmarks.schemas.rows import TIME_COLUMNS
from benchmarks.schemas.spec import Spec
from benchmarks.study.config import parse
from benchmarks.study.specs import cell_spec, start_spec
from benchmarks.train import train_cell, train_start
from benchmarks.training.loop import Loops
from methods.core.api import Batch
from tests.gpu import device as python_gpu

NETWORKS = ("lenet5", "resnet8")
RECIPE = Recipe(lr=0.05, batch_size=8, momentum=0.9, weight_decay=5e-4, warmup=0.1)
STUDY = {
    "study": "tiny",
    "datasets": ["digits"],
    "seeds": 1,
    "epochs": 3,
    "pretrain_epochs": 1,
    "precision": "float32",
}
SMALL = {  # searches, at a tenth of their size
    "darts": {"nodes": 1, "width": 2},
    "evolution": {"population": 4, "generations": 2, "parents": 2},
    "metapruning": {"population": 4, "generations": 2, "parents": 2},
    "random_search": {"candidates": 8},
}
ELSEWHERE = (*TIME_COLUMNS, "device")  # columns that may differ between a GPU and the CPU


if python_gpu.AVAILABLE:
    python_gpu.install()  # before any backward pass: autograd counts the devices once, at the first of the process


@pytest.fixture(scope="session")
def device() -> torch.device:
    """The GPU made of Python."""
    if not python_gpu.AVAILABLE:
        pytest.skip(f"torch {torch.__version__} cannot have a device made of Python, or there is a real GPU")
    return torch.device(python_gpu.NAME)


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images in the form of the digits: a bright pixel and noise."""
    generator = torch.Generator().manual_seed(0)
    tensors = {"mean": torch.tensor([70.0]), "std": torch.tensor([45.0])}
    for part, count in (("train", 24), ("validation", 16), ("test", 20)):
        labels = torch.arange(count) % 10
        images = torch.randint(0, 120, (count, 1, 8, 8), generator=generator, dtype=torch.uint8)
        images[torch.arange(count), 0, labels % 8, labels // 2] = 255
        tensors |= {f"{part}_images": images, f"{part}_labels": labels}
    path = tmp_path_factory.mktemp("data") / "digits.safetensors"
    path.write_bytes(save(tensors))
    path.with_suffix(".sha256").write_text(hashlib.sha256(path.read_bytes()).hexdigest())
    return path


class Jobs:
    """The jobs of the tiny study on one device, each done once. `waits` per training step are kept for each job."""

    def __init__(self, folder: Path, data: Path, device: torch.device) -> None:
        self.folder, self.data, self.device = folder, data, device
        self.steps: dict[tuple[str, str], list[Counter[str]]] = {}

    def specs(self, network: str, key: str) -> dict[str, Spec]:
        """The shared start, and the cells of a method with its source, by their folders."""
        card = registry.card(key)
        source = [{name: knobs} if knobs else name for name, knobs in card.source.items()]
        method = {key: SMALL[key]} if key in SMALL else key
        targets = {"macs": "macs=0.5", "free": "free", "from": f"from:{network}"}
        study = parse(
            STUDY
            | {"networks": [network], "methods": [*source, method], "targets": [targets[t] for t in card.targets]},
            "tests",
        )
        cells = {cell.folder: cell for cell in study.cells()}
        made = {folder: cell_spec(study, cell) for folder, cell in cells.items()}
        made["start"] = start_spec(study, "digits", network)
        self.references = {folder: cell.reference for folder, cell in cells.items()}
        return {folder: spec.model_copy(update={"recipe": RECIPE}) for folder, spec in made.items()}

    def run(self, network: str, name: str, specs: dict[str, Spec]) -> Path:
        """The folder of a job's outputs; what it needs is done first."""
        out, spec = self.folder / network / name, specs[name]
        if out.exists():
            return out
        scratch = self.folder / "scratch" / network / name
        if name == "start":
            train_start(spec, self.data, out, scratch, self.device)
            return out
        reference = self.references[name] and self.run(network, self.references[name][1], specs)
        begins = registry.card(spec.method).start == "pretrained"
        start = self.run(network, "start", specs) if begins else None
        with counted(self.steps.setdefault((network, name), [])):
            train_cell(spec, self.data, start, reference, out, scratch, self.device)
        return out

    def row(self, network: str, name: str, specs: dict[str, Spec]) -> dict[str, Any]:
        """What does not depend on the machine: the run's row, its history and the sum of its weights."""
        out = self.run(network, name, specs)
        with pytest.MonkeyPatch.context() as patched:  # taking them costs more than all the rest
            patched.setattr(measure, "latencies", lambda nets, images: [1.0 for _ in nets])
            (row,) = measure.measure([(specs[name], out)], self.data, self.device)
        (record,) = json.loads((out / "runs.json").read_text())
        own = {column: value for column, value in row.items() if column not in ELSEWHERE}
        return own | {"history": record["history"], "models": record["models_sha256"]}


@contextmanager
def counted(steps: list[Counter[str]]) -> Iterator[None]:
    """Within it, every training step appends what it waited for."""

    def to_epoch_end(loops: Loops, part: str, most: int) -> Iterator[Batch]:
        for batch in whole(loops, part, most):
            before = Counter(python_gpu.waits)
            yield batch
            if part == "train":
                steps.append(Counter(python_gpu.waits) - before)

    whole = Loops._to_epoch_end
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Loops, "_to_epoch_end", to_epoch_end)
        yield


@pytest.fixture(scope="session")
def jobs(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[torch.device], Jobs]:
    """The jobs of a device."""
    made: dict[str, Jobs] = {}

    def of(device: torch.device) -> Jobs:
        if device.type not in made:
            made[device.type] = Jobs(tmp_path_factory.mktemp(device.type), data, device)
        return made[device.type]

    return of


@pytest.fixture
def fresh_jobs(data: Path, tmp_path: Path, device: torch.device) -> Jobs:
    """Jobs of the device that no other test has done."""
    return Jobs(tmp_path, data, device)
