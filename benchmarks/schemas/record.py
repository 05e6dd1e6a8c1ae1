"""The record of a run: what a job writes down about one seed, in runs.json. Reading it imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from benchmarks.machine.files import read_json, write_json

RECORDS = "runs.json"
MEASURED = ("ok", "collapsed")  # statuses of a run that has left a network

Epoch = dict[str, int | float | str]
"""A line of a run's history: phase, epoch, training loss, and what the method noted."""


@dataclass
class Spent:
    """What a phase has cost."""

    steps: int = 0
    macs: float = 0.0
    seconds: float = 0.0


class Record(BaseModel):
    """What is known of a run when its training has ended, however it ended."""

    model_config = ConfigDict(frozen=True)

    seed: int
    status: Literal["ok", "diverged", "collapsed", "unsupported", "out_of_memory"] = "ok"
    reason: str = ""  # why the status is not ok
    code_hash: str
    config_hash: str
    torch: str = ""
    device: str = ""
    precision: str = ""
    threads: int = 1
    finished_at: str = ""
    models_sha256: str = ""  # of the run's tensors
    # Where training began:
    macs_dense: int | None = None
    epoch_steps: int | None = None
    spent: dict[str, Spent] = {}  # phase -> cost
    history: list[Epoch] = []
    # Where it left a pruned network:
    macs: int | None = None
    widths: dict[str, Any] | None = None  # group -> channels kept; or the shape of a network of the method's own
    groups_at_minimum: int | None = None
    logit_difference: float | None = None
    validation_accuracy: float | None = None

    @property
    def has_network(self) -> bool:
        """Whether the run has left a network that can be measured, or whose MACs can be matched."""
        return self.status in MEASURED


def write_records(folder: Path, records: list[Record]) -> None:
    """Write the records of a job's seeds."""
    write_json(folder / RECORDS, [record.model_dump(exclude_none=True) for record in records])


def read_records(folder: Path) -> list[Record]:
    """What a job wrote of each seed. Raises ValueError, naming the file, if it is anything else."""
    path = folder / RECORDS
    try:
        return TypeAdapter(list[Record]).validate_python(read_json(path))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ValueError(f"{path} is altered ({place}: {first['msg']}); delete it to have it made again") from None
