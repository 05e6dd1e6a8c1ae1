"""The pruned networks of one task are counted, timed and scored. The only reader of the test set."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn

from benchmarks import __version__
from benchmarks.data.dataset import Part
from benchmarks.data.prepared import load
from benchmarks.machine.latency import latencies
from benchmarks.schemas import correct
from benchmarks.schemas.record import Record, Spent
from benchmarks.schemas.rows import COLUMNS
from benchmarks.schemas.runs import load as load_runs
from benchmarks.schemas.spec import Spec
from benchmarks.study.recipes import origin
from benchmarks.training.evaluate import classified
from benchmarks.training.network import new_network, rebuild
from methods.core.api import Unsupported
from methods.core.structure.cost import count_macs
from methods.core.structure.structure import Structure

log = logging.getLogger(__name__)
Row = dict[str, Any]
BATCHES = (1, 128)
AT_ONCE = 2**30  # bytes of weights of the networks that take turns; nearly always all of a job's


def measure(cells: list[tuple[Spec, Path]], data: Path, device: torch.device, images: Path | None = None) -> list[Row]:
    """A row for every seed of every cell. cells: a spec, and the folder of what its job left.

    images: the file to which it is written which test images each run classifies correctly.
    """
    test = load(data, ("test",), device)["test"]
    rows: list[Row] = []
    waiting: list[tuple[Row, nn.Module]] = []
    now = datetime.now(UTC).isoformat(timespec="seconds")
    for row, net in _counted(cells, test, device):
        rows.append(row)
        if net:
            row["timed_at"] = now
            waiting.append((row, net.cpu()))
        if sum(row["bytes"] for row, _ in waiting) > AT_ONCE:
            _time(waiting, test)
            waiting.clear()
    _time(waiting, test)
    if images:
        correct.write(images, correct.table(rows))
    return [{column: row.get(column) for column in COLUMNS} for row in rows]


def _counted(
    cells: list[tuple[Spec, Path]], test: Part, device: torch.device
) -> Iterator[tuple[Row, nn.Module | None]]:
    """Every row, counted and scored, and its network; None where the run has left none."""
    counts: Row = {}
    structure: Structure | None = None
    with suppress(Unsupported):  # a network that cannot be trained: each of its records says why
        dense, structure = new_network(cells[0][0], 0, test, device)
        counts = {f"{name}_dense": count for name, count in _counts(dense, structure.example).items()}
    for done, (spec, folder) in enumerate(cells, 1):
        for run in load_runs(folder).values():
            row, net = _recorded(spec, run.record) | counts, None
            if run.record.has_network:
                assert structure and run.record.widths is not None
                net = rebuild(spec.method, dense, structure, run.record.widths, run.weights.net)
                score, right = classified(net, test)
                row |= {
                    "correct": right.cpu().numpy(),
                    "test_accuracy": score.accuracy,
                    **_counts(net, structure.example),
                }
                row |= {"test_loss": score.loss if math.isfinite(score.loss) else None}
                if device.type == "cuda":
                    row["peak_memory_mb"] = round(_peak_mb(net, test.normalised(test.images[: BATCHES[-1]])), 2)
            yield row, net
        log.info("%s at %s: cell %d of %d is counted and scored", spec.label, spec.target, done, len(cells))


def _recorded(spec: Spec, record: Record) -> Row:
    """What the run itself has recorded."""
    row: Row = {name: value for name, value in record.model_dump().items() if name in COLUMNS}
    row |= {"study": spec.study, "dataset": spec.dataset, "network": spec.network, "method": spec.label}
    row |= {"target": str(spec.target), "knobs": json.dumps(spec.knobs, sort_keys=True), "version": __version__}
    row |= {"recipe": origin(spec.dataset, spec.network, spec.recipe), "split": spec.split}
    if record.widths is not None:
        row["widths"] = json.dumps(record.widths)
    if record.spent and record.epoch_steps:
        for phase in ("pretrain", "learn", "finetune"):
            cost = record.spent.get(phase, Spent())
            row[f"epochs_{phase}"] = cost.steps / record.epoch_steps
            row[f"seconds_{phase}"] = round(cost.seconds, 3)
        row["train_macs"] = sum(cost.macs for cost in record.spent.values())
    return row


def _time(waiting: list[tuple[Row, nn.Module]], test: Part) -> None:
    """Write the latencies into the rows."""
    nets = [net for _, net in waiting]
    for where in ["cpu", *(["gpu"] if test.images.is_cuda else [])]:
        there = torch.device("cuda" if where == "gpu" else "cpu")
        for net in nets:
            net.to(there)
        for size in BATCHES:
            images = test.normalised(test.images[:size]).to(there)
            for (row, _), latency in zip(waiting, latencies(nets, images), strict=True):
                row[f"latency_{where}_b{size}_ms"] = round(latency, 4)


@torch.no_grad()
def _counts(net: nn.Module, example: Tensor) -> Row:
    from torch_pruning.utils import count_ops_and_params

    net.eval()
    all_ops, _ = count_ops_and_params(net, example)
    state = net.state_dict()
    once = {tensor.data_ptr(): name for name, tensor in state.items()}  # a module may have two names
    return {
        "params": sum(parameter.numel() for parameter in net.parameters()),
        "macs": count_macs(net, example),
        "macs_all_ops": int(all_ops),
        "bytes": len(save({name: state[name].contiguous().cpu() for name in once.values()})),
    }


@torch.inference_mode()
def _peak_mb(net: nn.Module, images: Tensor) -> float:
    """Of the network, the batch and all that a forward pass allocates; not of the test set and the dense network."""
    own = sum(tensor.nbytes for tensor in (images, *net.state_dict().values()))
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    net(images)
    return (own + torch.cuda.max_memory_allocated() - before) / 2**20
