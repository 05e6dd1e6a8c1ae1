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
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn

from benchmarks import registry
from benchmarks.checkpoint import Journal
from benchmarks.data import Part, load
from benchmarks.device import channels_last, describe
from benchmarks.evaluate import evaluate
from benchmarks.files import locked, write_atomically, write_json
from benchmarks.problem import Trainer
from benchmarks.seeds import seed_for
from benchmarks.spec import Spec
from methods.core.api import Diverged, Keep, Unsupported
from methods.core.gates import gated
from methods.core.structure import Structure, guard

log = logging.getLogger(__name__)
LOGIT_TOLERANCE = 1e-4
CHECKED = 256  # validation images on which gated and shrunk logits are compared
Record = dict[str, Any]
Tensors = dict[str, Tensor]


@dataclass(frozen=True)
class Begin:
    """What a seed starts from, and what it is told."""

    seed: int
    start: Record | None = None  # of the shared start; None = the initialisation
    tensors: Tensors | None = None  # its weights and momentum
    target: float | None = None
    refused: str | None = None  # why this seed cannot run at all


def train_start(spec: Spec, data: Path, out: Path, scratch: Path, device: torch.device) -> None:
    """Train the dense network to `pretrain_epochs` of the one schedule, for every seed."""

    def train(begin: Begin, net: nn.Module, trainer: Trainer) -> tuple[Record, Tensors]:
        trainer.begin("pretrain", trainer.structure.macs(trainer.structure.everything()), "continue")
        trainer.fit(net, spec.pretrain_epochs)
        momentum = {f"momentum/{name}": tensor for name, tensor in trainer.momentum.items()}
        return {}, {f"net/{name}": tensor for name, tensor in net.state_dict().items()} | momentum

    _every_seed(spec, [Begin(seed) for seed in spec.seeds], data, out, scratch, device, train)


def train_cell(
    spec: Spec, data: Path, start: Path | None, matched: Path | None, out: Path, scratch: Path, device: torch.device
) -> None:
    """Learn a structure with the cell's method, shrink, and fine-tune, for every seed.

    start: folder of the shared start. matched: folder of the cell whose MACs are to be matched, seed by seed.
    """
    method = registry.load("method", spec.method)
    knobs = method.Knobs(**spec.knobs)
    retrain = registry.card(spec.method).retrain or spec.retrain

    def train(begin: Begin, net: nn.Module, trainer: Trainer) -> tuple[Record, Tensors]:
        structure = trainer.structure
        if begin.tensors:
            _take_up(begin, net, trainer)
        trainer.begin("learn", structure.macs(structure.everything()), spec.schedule)
        keep = method.learn(net, trainer, knobs)
        kept = guard(keep)
        small = channels_last(structure.shrink(net, kept))
        difference = _logit_difference(net, small, structure, kept, trainer.data["validation"])
        trainer.begin("finetune", structure.macs(kept), spec.schedule)
        if retrain == "scratch":
            _initialise(small, spec, begin.seed)
            trainer.start_anew(spec.epochs)
        trainer.fit(small, trainer.epochs)
        record = {
            "widths": {name: int(mask.sum()) for name, mask in kept.items()},
            "groups_at_minimum": sum(int(mask.sum()) <= 1 for mask in keep.values()),
            "macs": structure.macs(kept),
            "logit_difference": difference,
            **_judge(small, trainer.data["validation"], difference),
        }
        return record, dict(small.state_dict())

    _every_seed(spec, _begins(spec, start, matched), data, out, scratch, device, train)


def _every_seed(
    spec: Spec,
    begins: list[Begin],
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
    for begin in begins:
        key = _key(spec, begin, data, device)
        with locked(scratch / key):
            done = scratch / key / "finished"
            if (finished := Journal.read(done)) is None:
                log.info("%s, %s, %s at %s, seed %d", spec.dataset, spec.network, spec.label, spec.target, begin.seed)
                finished = _one_seed(spec, begin, parts, scratch / key / "journal", device, train)
                Journal.write(done, finished)
            shutil.rmtree(scratch / key / "journal", ignore_errors=True)
        record, own = finished
        records.append(record)
        tensors |= {f"{begin.seed}/{name}": tensor.contiguous().cpu() for name, tensor in own.items()}
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
        "threads": torch.get_num_threads(),
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }, tensors


def new_network(spec: Spec, seed: int, part: Part, device: torch.device) -> tuple[nn.Module, Structure]:
    """The dense network of a seed, initialised, and its prunable channels."""
    channels, size = part.images.shape[1:3]
    build = registry.load("network", spec.network).build
    net = build(channels, size, registry.load("dataset", spec.dataset).CLASSES)
    _initialise(net, spec, seed)
    channels_last(net.to(device))
    return net, Structure.of(net, torch.zeros(1, channels, size, size, device=device))


def _initialise(net: nn.Module, spec: Spec, seed: int) -> None:
    torch.manual_seed(seed_for(spec.dataset, spec.network, seed, "init"))
    for module in net.modules():
        if callable(reset := getattr(module, "reset_parameters", None)):
            reset()


def _trainer(spec: Spec, begin: Begin, parts: dict[str, Part], structure: Structure, journal: Journal) -> Trainer:
    trainer = Trainer(
        data=parts,
        augment=registry.load("dataset", spec.dataset).AUGMENT,
        recipe=spec.recipe,
        structure=structure,
        journal=journal,
        run=(spec.dataset, spec.network, begin.seed),
        target=begin.target,
    )
    # With a restarted schedule the start is a training of its own, down to a learning rate of 0.
    alone = spec.method == "start" and spec.schedule == "restart"
    trainer.end = (spec.pretrain_epochs if alone else spec.epochs) * trainer.epoch_steps
    return trainer


def _take_up(begin: Begin, net: nn.Module, trainer: Trainer) -> None:
    """Go on from the shared start: its weights, its momentum, its place in the schedule and its cost."""
    assert begin.start and begin.tensors
    named: dict[str, Tensors] = {"net": {}, "momentum": {}}
    for name, tensor in begin.tensors.items():
        kind, _, rest = name.partition("/")
        named[kind][rest] = tensor.to(next(net.parameters()).device)
    net.load_state_dict(named["net"])
    trainer.take_up(named["momentum"], begin.start["spent"])


def _logit_difference(net: nn.Module, small: nn.Module, structure: Structure, keep: Keep, part: Part) -> float:
    """max |gated - shrunk| / max |gated| over logits, float32, in eval mode."""
    images = part.normalised(part.images[:CHECKED])
    with torch.inference_mode():
        factors = {name: mask.float().to(images.device) for name, mask in keep.items()}
        full = gated(net.eval(), structure.groups, factors, images)
        return ((full - small.eval()(images)).abs().max() / full.abs().max()).item()


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


def _begins(spec: Spec, start: Path | None, matched: Path | None) -> list[Begin]:
    starts = _by_seed(start)
    models = load_file(start / "models.safetensors") if start else {}
    references = _by_seed(matched)
    begins = []
    for seed in spec.seeds:
        target, refused = spec.fraction, None
        if start and starts[seed]["status"] != "ok":
            refused = f"the shared start {starts[seed]['status']}: {starts[seed]['reason']}"
        if matched and references[seed]["status"] not in ("ok", "collapsed"):
            refused = f"nothing to match: {spec.target.removeprefix('match:')} is {references[seed]['status']}"
        elif matched:
            target = references[seed]["macs"] / references[seed]["macs_dense"]
        prefix = f"{seed}/"
        own = {name.removeprefix(prefix): tensor for name, tensor in models.items() if name.startswith(prefix)}
        begins.append(Begin(seed, starts.get(seed), own or None, target, refused))
    return begins


def _by_seed(folder: Path | None) -> Mapping[int, Record]:
    return {record["seed"]: record for record in json.loads((folder / "runs.json").read_text())} if folder else {}


def _key(spec: Spec, begin: Begin, data: Path, device: torch.device) -> str:
    """The scratch folder of a seed: everything that can change its numbers."""
    prepared = data.with_suffix(".sha256").read_text().split()[0]
    where = [str(torch.__version__), describe(device), torch.get_num_threads(), prepared]
    whole = [spec.code_hash, spec.config_hash, begin.seed, begin.target, begin.refused, *where]
    return f"seed-{begin.seed}-{hashlib.sha256(json.dumps(whole).encode()).hexdigest()[:12]}"
