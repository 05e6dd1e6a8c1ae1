"""One job of the grid: every seed of a cell is trained, its structure learned, shrunk and fine-tuned.

A seed that has finished stays in the scratch folder, keyed by code, settings and seed. A job that is run again
takes it from there, and resumes an unfinished one at its last epoch.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from pathlib import Path

import torch
from torch import nn

from benchmarks import registry
from benchmarks.data.checksum import recorded_sha256
from benchmarks.data.dataset import Part
from benchmarks.data.prepared import load
from benchmarks.data.split import drawn_anew
from benchmarks.machine.device import describe, precision
from benchmarks.machine.files import locked
from benchmarks.schemas.record import Record
from benchmarks.schemas.runs import Run, Tensors, Weights, save, sha256
from benchmarks.schemas.spec import Spec
from benchmarks.training.checkpoint import Journal
from benchmarks.training.network import initialise, realise, undrawn
from benchmarks.training.run import Fields, Train, judge, run_seed
from benchmarks.training.seeds import seed_for
from benchmarks.training.start import Inputs, inputs_of, resume
from benchmarks.training.trainer import Trainer
from methods.core.api import Unsupported
from methods.core.gates import write

log = logging.getLogger(__name__)


def train_start(spec: Spec, data: Path, out: Path, scratch: Path, device: torch.device) -> None:
    """Train the dense network to `pretrain_epochs` of the one schedule, for every seed."""

    def train(inputs: Inputs, net: nn.Module, trainer: Trainer) -> tuple[Fields, Weights]:
        trainer.begin("pretrain", trainer.structure.macs(trainer.structure.everything()), "continue")
        trainer.fit(net, spec.pretrain_epochs)
        return {}, Weights(net.state_dict(), trainer.momentum)

    _every_seed(spec, [Inputs(seed) for seed in spec.seeds], data, out, scratch, device, train)


def train_cell(
    spec: Spec, data: Path, start: Path | None, reference: Path | None, out: Path, scratch: Path, device: torch.device
) -> None:
    """Learn a structure with the cell's method, shrink, and fine-tune, for every seed.

    start: folder of the shared start. reference: of the cell whose MACs are matched or that is the source.
    """
    method = registry.load("method", spec.method)
    knobs = method.Knobs(**spec.knobs)
    own = getattr(method, "RETRAIN", None)
    searches, retrain = own == "scratch" and hasattr(knobs, "share"), own or spec.retrain

    def train(inputs: Inputs, net: nn.Module, trainer: Trainer) -> tuple[Fields, Weights]:
        structure, constructed = trainer.structure, undrawn(net)
        if inputs.start:
            resume(inputs.start, net, trainer)
        trainer.begin("learn", structure.macs(structure.everything()), spec.schedule)
        end = trainer.budget.end
        if searches:
            trainer.start_anew(knobs.share * trainer.epochs)
        found = realise(method.learn(net, trainer, knobs), net, structure, trainer.data["validation"])
        trainer.budget.end = end
        trainer.begin("finetune", found.macs, spec.schedule)
        if retrain == "scratch":
            _retrain(spec, inputs.seed, found.net, constructed, trainer)
        trainer.fit(found.net, trainer.epochs)
        fields = {name: value for name, value in found._asdict().items() if name != "net"}
        fields |= judge(found.net, trainer.data["validation"], found.logit_difference)
        return fields, Weights(found.net.state_dict(), transfer=trainer.saved_for_transfer)

    _every_seed(spec, inputs_of(spec, start, reference), data, out, scratch, device, train)


def _retrain(spec: Spec, seed: int, net: nn.Module, constructed: Tensors, trainer: Trainer) -> None:
    """New weights for the pruned network, and a schedule of its own. Raises Unsupported if no epoch is left for it.

    constructed: the weights that only the dense network's constructor draws.
    """
    initialise(net, spec, seed)
    write(net, {name: tensor for name, tensor in constructed.items() if name in dict(net.named_parameters())})
    trainer.start_anew(spec.epochs if spec.knobs.get("budget") == "paper" else trainer.epochs)
    if trainer.epochs <= 0:
        why = "nothing is left to train the found network from new weights (retrain: scratch)"
        raise Unsupported(f"{spec.label} spends the whole budget; {why}")


def _every_seed(
    spec: Spec,
    every: list[Inputs],
    data: Path,
    out: Path,
    scratch: Path,
    device: torch.device,
    train: Train,
) -> None:
    """Finish the seeds one after another; then write what they left."""
    spec = spec.model_copy(update={"precision": precision(spec.precision, device)})  # a row's hash is of what was used
    parts = load(data, ("train", "validation"), device)
    runs = []
    for inputs in every:
        folder = scratch / _key(spec, inputs, data, device)
        with locked(folder):
            if (run := _finished(folder)) is None:
                log.info("%s, %s, %s at %s, seed %d", spec.dataset, spec.network, spec.label, spec.target, inputs.seed)
                run = run_seed(spec, inputs, _split(spec, inputs.seed, parts), folder / "journal", device, train)
                parts["validation"].check()
                if run.record.status != "out_of_memory":  # which another day may end otherwise
                    Journal.write(folder / "finished", [run.record.model_dump(), run.weights.flat()])
            if (folder / "finished").exists():
                shutil.rmtree(folder / "journal", ignore_errors=True)
        runs.append(run)
    save(out, runs)


def _split(spec: Spec, seed: int, parts: dict[str, Part]) -> dict[str, Part]:
    """The parts of a seed: the same for all networks, so that a source never learns from the validation images."""
    return drawn_anew(parts, seed_for(spec.dataset, "", seed, "split")) if spec.split == "seed" else parts


def _finished(folder: Path) -> Run | None:
    """The run of a seed that has finished."""
    if (saved := Journal.read(folder / "finished")) is None:
        return None
    record, flat = saved
    return Run(Record(**record), Weights.of(flat))


def _key(spec: Spec, inputs: Inputs, data: Path, device: torch.device) -> str:
    """The scratch folder of a seed: everything that can change its numbers."""
    where = [str(torch.__version__), describe(device), torch.get_num_threads(), recorded_sha256(data)]
    transferred = sha256(inputs.transferred) if inputs.transferred else None
    whole = [spec.code_hash, spec.config_hash, inputs.seed, inputs.target, inputs.refused, transferred, *where]
    return f"seed-{inputs.seed}-{hashlib.sha256(json.dumps(whole).encode()).hexdigest()[:12]}"
