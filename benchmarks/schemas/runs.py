"""What a job leaves of every seed: its record (runs.json) and its tensors (models.safetensors)."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from benchmarks.machine.files import read_json

Record = dict[str, Any]


Tensors = dict[str, Tensor]


def under(prefix: str, tensors: Tensors) -> Tensors:
    """Those whose names begin so, without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


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
