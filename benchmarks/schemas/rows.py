"""The row: one run (a cell and a seed), what its columns mean, and what they may hold."""

from __future__ import annotations

import json
import reprlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from benchmarks.schemas.target import Target

Status = Literal["ok", "diverged", "collapsed", "unsupported", "out_of_memory"]
STATUSES: tuple[str, ...] = get_args(Status)
MOST_SHOWN = 100  # characters of a value in a message


def _json_object(text: str) -> str:
    try:
        known = not text or isinstance(json.loads(text), dict)
    except ValueError:
        known = False
    if not known:
        raise ValueError(f"must hold a JSON object, not {reprlib.repr(text)}")
    return text


def _target(text: str) -> str:
    return str(Target.parse(text))


# A CSV file has an empty text where JSON has null.
_empty = BeforeValidator(lambda value: None if value == "" else value)
Text = Annotated[str, BeforeValidator(lambda value: "" if value is None else value)]
Name = Annotated[str, Field(min_length=1)]
Object = Annotated[Text, AfterValidator(_json_object)]
Fraction = Annotated[float | None, Field(ge=0, le=1, allow_inf_nan=False), _empty]
Size = Annotated[float | None, Field(gt=0, allow_inf_nan=False), _empty]
Amount = Annotated[float | None, Field(ge=0, allow_inf_nan=False), _empty]
Count = Annotated[int | None, Field(ge=1), _empty]


class Row(BaseModel):
    """A line of rows.csv; an empty number is a number that does not exist."""

    model_config = ConfigDict(frozen=True)

    study: Name = Field(description="name of the study; in a collection <collection>/<study>")
    dataset: Name = Field(description="key of the dataset")
    network: Name = Field(description="key of the network")
    method: Name = Field(description="key of the method, with the knobs that the config set")
    target: Annotated[str, AfterValidator(_target)] = Field(
        description="what the method was to reach: macs=<fraction kept>, free, match:<method> or from:<network>"
    )
    seed: int = Field(ge=0, lt=2**53, description="methods share initialisation, data order and augmentation of a seed")
    status: Status = Field(
        description="ok; diverged (non-finite loss); collapsed (one class for every image); unsupported; out_of_memory"
    )
    reason: Text = Field(description="why the status is not ok, in one sentence")
    test_accuracy: Fraction = Field(description="fraction of test images, read once")
    test_loss: Amount = Field(description="mean cross-entropy on the test set, nats")
    validation_accuracy: Fraction = Field(description="fraction of validation images; all choices rest on it")
    params: Size = Field(description="parameters of the pruned network")
    params_dense: Size = Field(description="parameters of the dense network")
    macs: Size = Field(
        description="multiply-accumulates per image of conv, linear and matmul, pruned network (FlopCounterMode / 2)"
    )
    macs_dense: Size = Field(description="the same, dense network")
    macs_all_ops: Size = Field(
        description="MACs with normalisation, activation and pooling added, as some papers count (torch_pruning)"
    )
    bytes: Size = Field(description="size of the pruned network's float32 weights as a safetensors file")
    latency_cpu_b1_ms: Size = Field(description="median milliseconds per batch of 1 on the CPU")
    latency_cpu_b128_ms: Size = Field(description="median milliseconds per batch of 128 on the CPU")
    latency_gpu_b1_ms: Size = Field(description="median milliseconds per batch of 1 on the GPU; empty without one")
    latency_gpu_b128_ms: Size = Field(description="median milliseconds per batch of 128 on the GPU; empty without one")
    peak_memory_mb: Size = Field(description="peak GPU memory of network and a batch of 128, MiB; empty without a GPU")
    logit_difference: Amount = Field(
        description="max |gated - pruned| / max |gated| logits, float32; the run fails above 1e-4"
    )
    epochs_pretrain: Amount = Field(description="epochs of the shared start that the run is charged for")
    epochs_learn: Amount = Field(description="epochs spent on learning the structure")
    epochs_finetune: Amount = Field(description="epochs spent on the pruned network")
    train_macs: Amount = Field(
        description="training MACs in all (forward and backward = 3 forward), pretraining and search included"
    )
    seconds_pretrain: Amount = Field(description="wall-clock seconds of the shared start")
    seconds_learn: Amount = Field(description="wall-clock seconds of learning the structure")
    seconds_finetune: Amount = Field(description="wall-clock seconds of fine-tuning")
    groups_at_minimum: Amount = Field(description="channel groups left with one channel, the least that is allowed")
    widths: Object = Field(description="JSON: channels kept, per group")
    knobs: Object = Field(description="JSON: the method's settings, defaults included")
    timed_at: Text = Field("", description="UTC time of its latencies; only those of the same time compare")
    recipe: Text = Field(  # as it has a default, rows from before it can be read
        "", description="tuned: its learning rate was searched for on this task; default: it was not; study: changes it"
    )
    planned: Count = Field(None, description="runs that the study plans in all; empty in rows of earlier versions")
    split: Literal["fixed", "seed"] = Field("fixed", description="seed: train and validation are drawn anew per seed")
    code_hash: Text = Field(description="sha256 of the modules that can change this row, first 12 digits")
    config_hash: Text = Field(description="sha256 of the settings that can change this row, first 12 digits")
    version: Annotated[str, Field(pattern=r"^\d+\.\d+")] = Field(
        description="version of Espalier; rows of the same major.minor are comparable"
    )
    torch: Text = Field(description="version of torch that trained the run")
    device: Text = Field(description="what trained it")
    precision: Text = Field(
        description="of the forward passes in training; everything is counted, timed and scored in float32"
    )
    threads: Size = Field(description="CPU threads it trained with; results are bit-identical at a fixed number")
    finished_at: Text = Field(description="UTC time at which training ended")

    @model_validator(mode="after")
    def check_measured(self) -> Row:
        """A run that is ok has been measured."""
        for name in ("test_accuracy", "macs", "macs_dense", "params", "params_dense"):
            if self.status == "ok" and getattr(self, name) is None:
                raise ValueError(f"column {name} is empty, though status is ok")
        return self

    @property
    def run(self) -> str:
        return f"{self.dataset} {self.network} {self.method} {self.target} {self.seed}"


def release(version: str) -> str:
    """Of a version; rows of the same one are comparable."""
    return ".".join(version.split(".")[:2])


COLUMNS: dict[str, str] = {name: str(field.description) for name, field in Row.model_fields.items()}
"""Column -> what it means."""

TEXT_COLUMNS = tuple(
    name for name, field in Row.model_fields.items() if field.annotation not in (float | None, int | None, int)
)

LATER = tuple(name for name, field in Row.model_fields.items() if not field.is_required())
"""Columns that rows of earlier versions lack."""

_TIMES = ("latency_", "seconds_", "peak_memory_mb", "timed_at", "finished_at")
TIME_COLUMNS = tuple(name for name in COLUMNS if name.startswith(_TIMES))
"""Columns that hold times, dates or memory; all others are bit-identical between two runs on one machine."""


def parse_rows(records: Sequence[Mapping[Any, Any]], source: object) -> list[Row]:
    """The rows of one study. Raises ValueError, naming the source and the first fault, unless all of them hold."""
    try:
        rows = TypeAdapter(list[Row]).validate_python(records)
    except ValidationError as error:
        first, more = error.errors()[0], error.error_count() - 1
        rest = f" ({more} more fault{'s' * (more > 1)})" if more else ""
        raise ValueError(f"{source}: {_worded(dict(first))}{rest}") from None
    for fault in _faults_of_table(rows):
        raise ValueError(f"{source}: {fault}")
    return rows


def _worded(error: dict[str, Any]) -> str:
    """A fault of pydantic in a line: the row, counted from 1, the column, what is allowed and what it holds."""
    row, *column = error["loc"]
    place = f"row {row + 1}" + "".join(f", column {name}" for name in column)
    message = str(error["msg"]).removeprefix("Value error, ")
    value = "" if error["type"] in ("value_error", "missing") else f", not {str(error['input'])[:MOST_SHOWN]!r}"
    return f"{place}: {message}{value}"


def _faults_of_table(rows: Sequence[Row]) -> Iterable[str]:
    """What is wrong with rows of which each is right by itself."""
    if not rows:
        yield "there are no rows"
    seen: set[str] = set()
    dense: dict[tuple[str, str], tuple[float | None, float | None]] = {}
    for row in rows:
        if row.run in seen:
            yield f"there are two rows for {row.run}"
        seen.add(row.run)
        size = (row.macs_dense, row.params_dense)
        if dense.setdefault((row.dataset, row.network), size) != size:
            yield f"column macs_dense or params_dense differs within {row.dataset}, {row.network}"
    if len(studies := {row.study.split("/")[0] for row in rows}) > 1:
        yield f"rows of studies {', '.join(sorted(studies))} do not belong into one file"
    for study, count in Counter(row.study for row in rows).items():
        planned = {row.planned for row in rows if row.study == study}
        if len(planned) > 1:
            yield f"column planned differs within {study}"
        if (most := planned.pop()) and count > most:
            yield f"there are {count} rows of {study}, which plans {most} runs"
    if len(releases := {release(row.version) for row in rows}) > 1:
        yield f"rows of versions {', '.join(sorted(releases))} are not comparable"
