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
    refused: str | None = None  # why this seed cannot run at all


def begins(spec: Spec, start: Path | None, matched: Path | None) -> list[Begin]:
    """One for every seed. start, matched: folders of the shared start and of the cell whose MACs are to be matched."""
    starts = _by_seed(start)
    models = load_file(start / "models.safetensors") if start else {}
    references = _by_seed(matched)
    found = []
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
        found.append(Begin(seed, starts.get(seed), own or None, target, refused))
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


def _by_seed(folder: Path | None) -> Mapping[int, Record]:
    return {record["seed"]: record for record in json.loads((folder / "runs.json").read_text())} if folder else {}
