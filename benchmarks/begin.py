"""What a seed of a cell begins from: the shared start, the size that it is told, and its place in the schedule."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import Tensor, nn

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
    starts, references = _by_seed(start), _by_seed(reference)
    models, teachers = (load_file(folder / "models.safetensors") if folder else {} for folder in (start, reference))
    kind, _, told = spec.target.partition(":")
    found = []
    for seed in spec.seeds:
        target, refused, taught = spec.fraction, None, {}
        if start and starts[seed]["status"] != "ok":
            refused = f"the shared start {starts[seed]['status']}: {starts[seed]['reason']}"
        if reference and references[seed]["status"] not in ("ok", "collapsed"):
            refused = f"nothing to take from {told}: its run is {references[seed]['status']}"
        elif kind == "match":
            target = references[seed]["macs"] / references[seed]["macs_dense"]
        elif kind == "from":
            taught = under(f"{seed}/left/", teachers)
        found.append(Begin(seed, starts.get(seed), under(f"{seed}/", models) or None, target, taught, refused))
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


def _by_seed(folder: Path | None) -> Mapping[int, Record]:
    return {record["seed"]: record for record in json.loads((folder / "runs.json").read_text())} if folder else {}
