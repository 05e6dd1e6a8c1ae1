"""What a job leaves of every seed: its record (record.py) and its tensors (models.safetensors).

A tensor's name in the file is `<seed>/<kind>/<name>`; no other module spells one.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as read_tensors
from safetensors.torch import save as as_bytes
from torch import Tensor

from benchmarks.machine.files import write_atomically
from benchmarks.schemas.record import Record, read_records, write_records

MODELS = "models.safetensors"

Tensors = dict[str, Tensor]


@dataclass(frozen=True)
class Weights:
    """The tensors of a run, by name."""

    net: Tensors = field(default_factory=dict)  # the network: the pruned one, or that of a shared start
    momentum: Tensors = field(default_factory=dict)  # the optimizer of a shared start
    transfer: Tensors = field(default_factory=dict)  # what the method saved for one that transfers from it

    def flat(self) -> Tensors:
        """Copies of all tensors, on the CPU, under `<kind>/<name>`; tensors that share memory no longer do."""
        named = {f"{kind}/{name}": tensor for kind, own in vars(self).items() for name, tensor in own.items()}
        return {
            name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format) for name, tensor in named.items()
        }

    @classmethod
    def of(cls, flat: Tensors) -> Weights:
        """From what `flat` gave."""
        return cls(**{kind: _under(f"{kind}/", flat) for kind in ("net", "momentum", "transfer")})


@dataclass(frozen=True)
class Run:
    """A finished seed."""

    record: Record
    weights: Weights


def save(folder: Path, runs: list[Run]) -> None:
    """Write the runs of a job: runs.json and models.safetensors."""
    flat = {run.record.seed: run.weights.flat() for run in runs}
    named = {f"{seed}/{name}": tensor for seed, own in flat.items() for name, tensor in own.items()}
    write_atomically(folder / MODELS, as_bytes(named))
    sums = {seed: sha256(own) for seed, own in flat.items()}
    write_records(folder, [run.record.model_copy(update={"models_sha256": sums[run.record.seed]}) for run in runs])


def load(folder: Path) -> dict[int, Run]:
    """What a job wrote of each seed. Raises ValueError, naming the file, if it is anything else."""
    path = folder / MODELS
    try:
        tensors = read_tensors(path.read_bytes())  # not mapped: what is checked is what is used
    except SafetensorError as error:
        raise ValueError(f"{path} is cut short or altered ({error}); delete it to have it made again") from None
    found = {}
    for record in read_records(folder):
        own = _under(f"{record.seed}/", tensors)
        if record.models_sha256 != sha256(own):
            message = f"{path} is altered: seed {record.seed} is not what was trained"
            raise ValueError(f"{message}; delete it to have it made again")
        found[record.seed] = Run(record, Weights.of(own))
    return found


def sha256(tensors: Tensors) -> str:
    """Of tensors and their names, whatever device they are on."""
    return hashlib.sha256(as_bytes(tensors)).hexdigest()


def _under(prefix: str, tensors: Tensors) -> Tensors:
    """Those whose names begin so, without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
