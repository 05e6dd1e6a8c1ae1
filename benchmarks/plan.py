"""What a study will cost, before anything of it runs: cells, runs, training MACs, and hours on this machine.

Nothing is downloaded or trained: the time of a training step is taken with the real trainer over random images of the
dataset's shape. What a method will do is not known; it is counted as

- the epochs that the method spends: those of the study, less the pretraining if it starts from the shared start;
- the first half of them at the dense network's cost, the second half at the fraction of it that the target
  says (all of it where the target says none);
- all epochs of the study at that share, in place of the second half, where a method has `budget: paper`.

Searches, switchers and measuring come on top, and a network of half the MACs seldom takes half the time.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from rich import box
from rich.table import Table
from rich.text import Text
from torch import nn

from benchmarks import registry
from benchmarks.data.dataset import Part
from benchmarks.machine.device import precision
from benchmarks.schemas.record import RECORDS, read_records
from benchmarks.schemas.spec import Spec
from benchmarks.study.cell import Cell
from benchmarks.study.config import Study
from benchmarks.study.recipes import origin
from benchmarks.study.specs import cell_spec, start_spec
from benchmarks.training.budget import BACKWARD
from benchmarks.training.checkpoint import Journal
from benchmarks.training.network import new_network
from benchmarks.training.trainer import Trainer
from methods.core.api import Unsupported
from methods.core.structure.structure import Structure

SECONDS = 2.0  # of measuring, for each dataset and network
FEW, MORE = 2, 4  # images of the first steps, and how many times as many are tried next, if there is time
STEPS = 1000  # of the schedule that is timed: more than are ever taken


@dataclass(frozen=True)
class Line:
    """A dataset and network. Epochs: passes over the training part, forward and backward, by the dense network."""

    dataset: str
    network: str
    cells: int
    runs: int  # the shared start is one a seed
    done: int
    epochs: float = 0  # of the runs that are left
    epoch_macs: float = 0
    epoch_seconds: float = 0
    recipe: str = ""  # tuned, default or study
    note: str = ""  # why the network cannot be trained, or nothing of it be removed

    @property
    def macs(self) -> float:
        return self.epochs * self.epoch_macs

    @property
    def hours(self) -> float:
        return self.epochs * self.epoch_seconds / 3600


def plan(study: Study, results: Path, device: torch.device, seconds: float = SECONDS) -> Iterator[Line]:
    """A line for every dataset and network. results: the study's folder, for the runs that are there."""
    study = study.model_copy(update={"precision": precision(study.precision, device)})
    for dataset, network in study.tasks():
        cells = [c for c in study.cells() if (c.dataset, c.network) == (dataset, network)]
        here = results / "runs" / dataset / network
        jobs = [(cell_spec(study, cell), here / cell.folder, own_epochs(study, cell)) for cell in cells]
        start = start_spec(study, dataset, network)
        if start.pretrain_epochs:
            jobs.append((start, here / "start", start.pretrain_epochs))
        done = [finished(spec, folder) for spec, folder, _ in jobs]
        left = sum((len(study.seeds) - n) * each for n, (*_, each) in zip(done, jobs, strict=True))
        macs, per_image, note = 0, 0.0, ""
        try:
            macs, per_image = time_steps(start, device, seconds)
            if why := new_network(start, 0, _random(start, FEW, device), device)[1].refused:
                note = f"{dataset}, {network}: only the dense network is trained. {why}"
        except Unsupported as error:
            note = f"{dataset}, {network}: nothing is trained. {error}"
        images = registry.load("dataset", dataset).IMAGES[0]
        runs = len(jobs) * len(study.seeds)
        passes = 1 + BACKWARD
        cost = (left, passes * macs * images, per_image * images)
        rate = origin(dataset, network, study.recipe_of(dataset, network))
        yield Line(dataset, network, len(cells), runs, sum(done), *cost, rate, note)


def own_epochs(study: Study, cell: Cell) -> float:
    """What a run of the cell costs, in epochs of the dense network; see above for what is assumed."""
    card = registry.card(cell.entry.key)
    spec = cell_spec(study, cell)
    own = spec.epochs - (spec.pretrain_epochs if card.start == "pretrained" else 0)
    share = spec.target.fraction or 1.0
    return own / 2 + share * (spec.epochs if spec.knobs.get("budget") == "paper" else own / 2)


def finished(spec: Spec, folder: Path) -> int:
    """How many of the seeds are there, trained by the present code with the present settings."""
    records = read_records(folder) if (folder / RECORDS).exists() else []
    present = {r.seed for r in records if (r.code_hash, r.config_hash) == (spec.code_hash, spec.config_hash)}
    return len(present & set(spec.seeds))


def time_steps(spec: Spec, device: torch.device, seconds: float) -> tuple[int, float]:
    """MACs of an image forward, and seconds of training on it; in about `seconds`, or two steps over a few images.

    A step has a part that does not depend on the number of images, and in large networks a large one (the optimizer's):
    time per image is taken as near to the recipe's batch as there is time for.
    """
    net, structure = new_network(spec, 0, _random(spec, FEW, device), device)
    size, most = FEW, spec.recipe.batch_size
    step = _step_seconds(spec, net, structure, size, 0.0, device)
    while size < most and step < seconds / 8:
        size = min(MORE * size, most)
        step = _step_seconds(spec, net, structure, size, seconds / 2 if size == most else 0.0, device)
    return structure.macs(structure.everything()), step / size


def _step_seconds(
    spec: Spec, net: nn.Module, structure: Structure, size: int, seconds: float, device: torch.device
) -> float:
    """Mean time of a step over `size` images, the first one left out; of as many as fit in `seconds`."""
    # A step is timed, nothing is learned: over few random images a rate meant for large batches can end in NaN.
    recipe = spec.recipe.model_copy(update={"batch_size": size, "lr": 0.0})
    augment = registry.load("dataset", spec.dataset).AUGMENT
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(Path(folder))
        data = {"train": _random(spec, 4 * size, device)}
        trainer = Trainer(data, augment, recipe, structure, journal, (spec.dataset, spec.network, 0))
        trainer.precision, trainer.budget.end = spec.precision, STEPS
        optimizer = trainer.optimizer(net.train())
        began, steps = time.perf_counter(), -1
        for batch in trainer.batches(trainer.epochs):
            loss = trainer.loss(net, batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if device.type == "cuda":
                torch.cuda.synchronize()
            steps += 1
            if steps == 0:
                began = time.perf_counter()
            elif time.perf_counter() - began >= seconds:
                break
        return (time.perf_counter() - began) / steps


def _random(spec: Spec, n: int, device: torch.device) -> Part:
    module = registry.load("dataset", spec.dataset)
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (n, *module.SHAPE), dtype=torch.uint8, generator=generator)
    labels = torch.randint(module.CLASSES, (n,), generator=generator)
    mean, std = (torch.full((1, module.SHAPE[0], 1, 1), value, device=device) for value in (127.5, 73.9))
    return Part(images.to(device), labels.to(device), mean, std)


def table(lines: list[Line], cores: int, device: str) -> Table:
    """The lines and their total: cells, runs that are there and that are to do, and what these cost."""
    caption = (
        f"Hours: one job after another on {device}; last column: if {cores} at once do not slow each other. What of a "
        "network goes is taken to go halfway; searches and measuring come on top. Recipe default: no learning rate was "
        "searched for on that task (benchmarks/study/recipes.yaml); study: it is the study's own."
    )
    notes = [line.note for line in lines if line.note]
    below = Text("\n".join([caption, *notes]))  # as text: a note may hold brackets
    shown = Table(title="What is left to train", caption=below, caption_justify="left", show_footer=True)
    shown.box, shown.collapse_padding, shown.show_edge = box.SIMPLE, True, False
    total = Line("Total", "", *(sum(getattr(line, name) for line in lines) for name in ("cells", "runs", "done")))
    hours, macs = sum(line.hours for line in lines), sum(line.macs for line in lines)
    names = ("Dataset", "Network", "Cells", "Done", "To do", "MACs", "Hours", f"/ {cores}", "Recipe")
    for name, footer in zip(names, _shown(total, macs, hours, cores), strict=True):
        shown.add_column(name, footer, justify="left" if name in names[:2] else "right", no_wrap=True)
    for line in lines:
        shown.add_row(*_shown(line, line.macs, line.hours, cores))
    return shown


def _shown(line: Line, macs: float, hours: float, cores: int) -> list[str]:
    counts = [f"{count:,}" for count in (line.cells, line.done, line.runs - line.done)]
    costs = [f"{macs:.1e}", _hours(hours), _hours(hours / cores)]
    return [line.dataset, line.network, *counts, *costs, line.recipe]


def _hours(hours: float) -> str:
    return f"{hours:,.0f}" if hours >= 100 else f"{hours:.2f}"
