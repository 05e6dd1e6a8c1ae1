"""What a seed of a cell begins from: the shared start, the size that it is told, and its place in the schedule."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import nn

from benchmarks.schemas.runs import Record, Tensors, saved, under
from benchmarks.schemas.spec import Spec
from benchmarks.training.trainer import Trainer


@dataclass(frozen=True)
class Begin:
    """What a seed starts from, and what it is told."""

    seed: int
    start: Record | None = None  # of the shared start; None = the initialisation
    tensors: Tensors | None = None  # its weights and momentum
    target: float | None = None
    taught: Tensors | None = None  # what the method's teacher has left
    refused: str | None = None  # why this seed cannot run at all


def begins(spec: Spec, start: Path | None, reference: Path | None) -> list[Begin]:
    """One for every seed.

    start, reference: folders of the shared start, and of the cell that is matched or taken over from.
    """
    starts, references = (saved(folder) if folder else {} for folder in (start, reference))
    found = []
    for seed in spec.seeds:
        target, refused, taught = spec.target.fraction, None, {}
        begun, tensors = starts.get(seed, (None, {}))
        other, left = references.get(seed, ({}, {}))
        if begun and begun["status"] != "ok":
            refused = f"the shared start {begun['status']}: {begun['reason']}"
        if reference and other["status"] not in ("ok", "collapsed"):
            refused = f"the run that {spec.target} refers to is {other['status']}"
        elif spec.target.matched:
            target = other["macs"] / other["macs_dense"]
        elif spec.target.sources:
            taught = under("left/", left)
        found.append(Begin(seed, begun, tensors or None, target, taught, refused))
    return found


def take_up(begin: Begin, net: nn.Module, trainer: Trainer) -> None:
    """Go on from the shared start: its weights, its momentum, its place in the schedule and its cost."""
    assert begin.start and begin.tensors
    named: dict[str, Tensors] = {"net": {}, "momentum": {}}
    for name, tensor in begin.tensors.items():
        kind, _, rest = name.partition("/")
        named[kind][rest] = tensor.to(next(net.parameters()).device)
    net.load_state_dict(named["net"])
    trainer.take_up(named["momentum"], begin.start["spent"])
