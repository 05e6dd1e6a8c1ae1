"""One job of the grid: every seed of a cell is trained, its structure learned, shrunk and fine-tuned.

A seed that has finished stays in the scratch folder, keyed by code, settings and seed; a job that is run again
takes it from there, and takes up an unfinished one at its last epoch.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor, nn

from benchmarks import registry
from benchmarks.data.checksum import recorded_sha256
from benchmarks.data.dataset import Part
from benchmarks.data.prepared import load
from benchmarks.machine.device import describe, out_of_memory
from benchmarks.machine.files import locked, write_atomically, write_json
from benchmarks.schemas.runs import Record, Tensors, sha256
from benchmarks.schemas.spec import Spec
from benchmarks.training.checkpoint import Journal
from benchmarks.training.evaluate import evaluate
from benchmarks.training.network import initialise, new_network, realise
from benchmarks.training.start import Begin, begins, take_up
from benchmarks.training.trainer import Trainer
from methods.core.api import Diverged, Unsupported
from methods.core.structure import Structure

log = logging.getLogger(__name__)
LOGIT_TOLERANCE = 1e-4


def train_start(spec: Spec, data: Path, out: Path, scratch: Path, device: torch.device) -> None:
    """Train the dense network to `pretrain_epochs` of the one schedule, for every seed."""

    def train(begin: Begin, net: nn.Module, trainer: Trainer) -> tuple[Record, Tensors]:
        trainer.begin("pretrain", trainer.structure.macs(trainer.structure.everything()), "continue")
        trainer.fit(net, spec.pretrain_epochs)
        return {}, _under("net", net.state_dict()) | _under("momentum", trainer.momentum)

    _every_seed(spec, [Begin(seed) for seed in spec.seeds], data, out, scratch, device, train)


def train_cell(
    spec: Spec, data: Path, start: Path | None, reference: Path | None, out: Path, scratch: Path, device: torch.device
) -> None:
    """Learn a structure with the cell's method, shrink, and fine-tune, for every seed.

    start: folder of the shared start. reference: of the cell that this one matches or takes over from, seed by seed.
    """
    method = registry.load("method", spec.method)
    knobs = method.Knobs(**spec.knobs)
    retrain = getattr(method, "RETRAIN", None) or spec.retrain

    def train(begin: Begin, net: nn.Module, trainer: Trainer) -> tuple[Record, Tensors]:
        structure = trainer.structure
        if begin.tensors:
            take_up(begin, net, trainer)
        trainer.begin("learn", structure.macs(structure.everything()), spec.schedule)
        found = realise(method.learn(net, trainer, knobs), net, structure, trainer.data["validation"])
        trainer.begin("finetune", found.macs, spec.schedule)
        if retrain == "scratch":
            initialise(found.net, spec, begin.seed)
            trainer.start_anew(spec.epochs if spec.knobs.get("budget") == "paper" else trainer.epochs)
            if not trainer.epochs:
                why = "nothing is left to train the found network from new weights (retrain: scratch)"
                raise Unsupported(f"{spec.label} spends the whole budget; {why}")
        trainer.fit(found.net, trainer.epochs)
        record = {name: value for name, value in found._asdict().items() if name != "net"}
        record |= _judge(found.net, trainer.data["validation"], found.logit_difference)
        return record, _under("net", found.net.state_dict()) | _under("left", trainer.left)

    _every_seed(spec, begins(spec, start, reference), data, out, scratch, device, train)


def _every_seed(
    spec: Spec,
    all_begin: list[Begin],
    data: Path,
    out: Path,
    scratch: Path,
    device: torch.device,
    train: Callable[[Begin, nn.Module, Trainer], tuple[Record, Tensors]],
) -> None:
    """Finish the seeds one after another; then write runs.json and models.safetensors."""
    parts = load(data, ("train", "validation"), device)
    records: list[Record] = []
    tensors: Tensors = {}
    for begin in all_begin:
        key = _key(spec, begin, data, device)
        with locked(scratch / key):
            done = scratch / key / "finished"
            if (finished := Journal.read(done)) is None:
                log.info("%s, %s, %s at %s, seed %d", spec.dataset, spec.network, spec.label, spec.target, begin.seed)
                finished = _one_seed(spec, begin, parts, scratch / key / "journal", device, train)
                parts["validation"].check()
                if finished[0]["status"] != "out_of_memory":  # which another day may end otherwise
                    Journal.write(done, finished)
            if done.exists():
                shutil.rmtree(scratch / key / "journal", ignore_errors=True)
        record, own = finished
        own = {name: tensor.contiguous().cpu() for name, tensor in own.items()}
        records.append(record | {"models_sha256": sha256(own)})
        tensors |= _under(str(begin.seed), own)
    write_atomically(out / "models.safetensors", save(tensors))
    write_json(out / "runs.json", records)


def _one_seed(
    spec: Spec,
    begin: Begin,
    parts: dict[str, Part],
    folder: Path,
    device: torch.device,
    train: Callable[[Begin, nn.Module, Trainer], tuple[Record, Tensors]],
) -> tuple[Record, Tensors]:
    """A finished run, whatever became of it: a run that cannot go on is a record with that status."""
    record: Record = {"seed": begin.seed, "status": "ok", "reason": "", "history": []}
    tensors: Tensors = {}
    trainer: Trainer | None = None
    try:
        if begin.refused:
            raise Unsupported(begin.refused)
        net, structure = new_network(spec, begin.seed, parts["train"], device)
        trainer = _trainer(spec, begin, parts, structure, Journal(folder))
        own, tensors = train(begin, net, trainer)
        record |= own
    except Unsupported as error:
        record |= {"status": "unsupported", "reason": str(error)}
    except Diverged as error:
        record |= {"status": "diverged", "reason": str(error)}
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        record |= {"status": "out_of_memory", "reason": str(error).partition("\n")[0] or "there is no memory left"}
    if trainer:
        record |= {"macs_dense": structure.macs(structure.everything())}
        record |= {"spent": {phase: asdict(cost) for phase, cost in trainer.spent.items()}}
        record |= {"epoch_steps": trainer.epoch_steps, "history": trainer.history}
    log.info("seed %d: %s %s", begin.seed, record["status"], record["reason"])
    return record | {
        "code_hash": spec.code_hash,
        "config_hash": spec.config_hash,
        "torch": str(torch.__version__),
        "device": describe(device),
        "precision": spec.precision,
        "threads": torch.get_num_threads(),
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }, tensors


def _under(kind: str, tensors: Mapping[str, Tensor]) -> Tensors:
    return {f"{kind}/{name}": tensor for name, tensor in tensors.items()}


def _trainer(spec: Spec, begin: Begin, parts: dict[str, Part], structure: Structure, journal: Journal) -> Trainer:
    trainer = Trainer(
        data=parts,
        augment=registry.load("dataset", spec.dataset).AUGMENT,
        recipe=spec.recipe,
        structure=structure,
        journal=journal,
        run=(spec.dataset, spec.network, begin.seed),
        target=begin.target,
        precision=spec.precision,
        taught=begin.taught or {},
    )
    # With a restarted schedule the start is a training of its own, down to a learning rate of 0.
    alone = spec.method == "start" and spec.schedule == "restart"
    trainer.end = (spec.pretrain_epochs if alone else spec.epochs) * trainer.epoch_steps
    return trainer


def _judge(net: nn.Module, part: Part, difference: float) -> Record:
    score = evaluate(net, part)
    if not math.isfinite(score.loss):
        raise Diverged(f"the validation loss of the shrunk network is {score.loss}")
    if not difference <= LOGIT_TOLERANCE:
        raise Unsupported(f"shrinking changed the logits by {difference:.1e} of the largest")
    record: Record = {"validation_accuracy": score.accuracy}
    if score.classes == 1:
        record |= {"status": "collapsed", "reason": "every validation image gets the same class"}
    return record


def _key(spec: Spec, begin: Begin, data: Path, device: torch.device) -> str:
    """The scratch folder of a seed: everything that can change its numbers."""
    where = [str(torch.__version__), describe(device), torch.get_num_threads(), recorded_sha256(data)]
    taught = sha256(begin.taught) if begin.taught else None
    whole = [spec.code_hash, spec.config_hash, begin.seed, begin.target, begin.refused, taught, *where]
    return f"seed-{begin.seed}-{hashlib.sha256(json.dumps(whole).encode()).hexdigest()[:12]}"
