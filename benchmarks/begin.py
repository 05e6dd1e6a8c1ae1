"""What a seed of a cell begins from: the shared start, the size that it is told, and its place in the schedule."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from benchmarks.files import read_json
from benchmarks.problem import Trainer
from benchmarks.spec import Spec

Record = dict[str, Any]
Tensors = dict[str, Tensor]


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
    kind, _, told = spec.target.partition(":")
    found = []
    for seed in spec.seeds:
        target, refused, taught = spec.fraction, None, {}
        begun, tensors = starts.get(seed, (None, {}))
        other, left = references.get(seed, ({}, {}))
        if begun and begun["status"] != "ok":
            refused = f"the shared start {begun['status']}: {begun['reason']}"
        if reference and other["status"] not in ("ok", "collapsed"):
            refused = f"nothing to take from {told}: its run is {other['status']}"
        elif kind == "match":
            target = other["macs"] / other["macs_dense"]
        elif kind == "from":
            taught = under("left/", left)
        found.append(Begin(seed, begun, tensors or None, target, taught, refused))
    return found


def under(prefix: str, tensors: Tensors) -> Tensors:
    """Those whose names begin so, without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def take_up(begin: Begin, net: nn.Module, trainer: Trainer) -> None:
    """Go on from the shared start: its weights, its momentum, its place in the schedule and its cost."""
    assert begin.start and begin.tensors
    named: dict[str, Tensors] = {"net": {}, "momentum": {}}
    for name, tensor in begin.tensors.items():
        kind, _, rest = name.partition("/")
        named[kind][rest] = tensor.to(next(net.parameters()).device)
    net.load_state_dict(named["net"])
    trainer.take_up(named["momentum"], begin.start["spent"])


def saved(folder: Path) -> dict[int, tuple[Record, Tensors]]:
    """What a job wrote of every seed. Raises ValueError, naming the file, if it is not what was written."""
    path = folder / "models.safetensors"
    try:
        tensors = load(path.read_bytes())  # not mapped: what is checked is what is used
    except SafetensorError as error:
        raise ValueError(f"{path} is cut short or altered ({error}); delete it to have it made again") from None
    records = {record["seed"]: record for record in read_json(folder / "runs.json")}
    found = {seed: (record, under(f"{seed}/", tensors)) for seed, record in records.items()}
    for seed, (record, own) in found.items():
        if record.get("models_sha256") != sha256(own):
            raise ValueError(f"{path} is altered: seed {seed} is not what was trained; delete it to have it made again")
    return found


def sha256(tensors: Tensors) -> str:
    """Of tensors and their names, whatever device they are on."""
    return hashlib.sha256(save(tensors)).hexdigest()
