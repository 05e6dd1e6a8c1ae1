"""One seed of a cell or of a shared start: trained, judged, and recorded whatever became of it."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from torch import nn

from benchmarks import registry
from benchmarks.data.dataset import Part
from benchmarks.machine.device import describe, out_of_memory
from benchmarks.schemas.record import Record
from benchmarks.schemas.runs import Run, Weights
from benchmarks.schemas.spec import Spec
from benchmarks.training.checkpoint import Journal
from benchmarks.training.evaluate import evaluate
from benchmarks.training.network import new_network
from benchmarks.training.probe import TOLERANCE
from benchmarks.training.start import Inputs
from benchmarks.training.trainer import Trainer
from methods.core.api import Diverged, Unsupported
from methods.core.structure.structure import Structure

log = logging.getLogger(__name__)

Fields = dict[str, Any]
"""Some of a record's fields."""

Train = Callable[[Inputs, nn.Module, Trainer], tuple[Fields, Weights]]
"""Trains the dense network of a seed; what it left, and what the record says of it."""


def run_seed(
    spec: Spec, inputs: Inputs, parts: dict[str, Part], folder: Path, device: torch.device, train: Train
) -> Run:
    """A finished run. One that cannot continue is a record with that status. folder: of its journal."""
    fields: Fields = {}
    weights = Weights()
    trainer: Trainer | None = None
    try:
        if inputs.refused:
            raise Unsupported(inputs.refused)
        net, structure = new_network(spec, inputs.seed, parts["train"], device)
        trainer = new_trainer(spec, inputs, parts, structure, Journal(folder))
        fields, weights = train(inputs, net, trainer)
    except Unsupported as error:
        fields = {"status": "unsupported", "reason": str(error)}
    except Diverged as error:
        fields = {"status": "diverged", "reason": str(error)}
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        fields = {"status": "out_of_memory", "reason": str(error).partition("\n")[0] or "there is no memory left"}
    if trainer:
        fields |= {"macs_dense": structure.macs(structure.everything()), "epoch_steps": trainer.epoch_steps}
        fields |= {"spent": trainer.spent, "history": trainer.history}
    record = Record(seed=inputs.seed, **fields, **_circumstances(spec, device))
    log.info("seed %d: %s %s", record.seed, record.status, record.reason)
    return Run(record, weights)


def new_trainer(spec: Spec, inputs: Inputs, parts: dict[str, Part], structure: Structure, journal: Journal) -> Trainer:
    """The trainer of a seed, with its whole budget."""
    trainer = Trainer(
        data=parts,
        augment=registry.load("dataset", spec.dataset).AUGMENT,
        recipe=spec.recipe,
        structure=structure,
        journal=journal,
        run=(spec.dataset, spec.network, inputs.seed),
        target=inputs.target,
        precision=spec.precision,
        transferred=inputs.transferred,
    )
    # With a restarted schedule the start is a training of its own, down to a learning rate of 0.
    alone = spec.method == "start" and spec.schedule == "restart"
    trainer.budget.end = (spec.pretrain_epochs if alone else spec.epochs) * trainer.epoch_steps
    return trainer


def judge(net: nn.Module, part: Part, difference: float) -> Fields:
    """Score a pruned network on `part`. difference: between gated and pruned logits, relative to the largest."""
    score = evaluate(net, part)
    if not math.isfinite(score.loss):
        raise Diverged(f"the validation loss of the pruned network is {score.loss}")
    if not difference <= TOLERANCE:
        raise Unsupported(f"shrinking changed the logits by {difference:.1e} of the largest")
    fields: Fields = {"validation_accuracy": score.accuracy}
    if score.classes == 1:
        fields |= {"status": "collapsed", "reason": "every validation image gets the same class"}
    return fields


def _circumstances(spec: Spec, device: torch.device) -> Fields:
    """By which code, with which settings, where and when a seed was trained."""
    return {
        "code_hash": spec.code_hash,
        "config_hash": spec.config_hash,
        "torch": str(torch.__version__),
        "device": describe(device),
        "precision": spec.precision,
        "threads": torch.get_num_threads(),
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
