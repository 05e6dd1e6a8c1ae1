"""The shrunk networks of one dataset and network: counted, timed and scored. The only reader of the test set."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn

from benchmarks import __version__
from benchmarks.begin import under
from benchmarks.build import count_macs, new_network, rebuild
from benchmarks.data import Part, load
from benchmarks.evaluate import evaluate
from benchmarks.rows import COLUMNS
from benchmarks.spec import Spec

Row = dict[str, Any]
BATCHES = (1, 128)
TIMED_SECONDS = 0.05  # of every latency; the median of the runs that fit is kept


def measure(cells: list[tuple[Spec, Path]], data: Path, device: torch.device) -> list[Row]:
    """A row for every seed of every cell. cells: spec, and the folder with its runs.json and models.safetensors."""
    test = load(data, ("test",), device)["test"]
    rows = []
    dense, structure = new_network(cells[0][0], 0, test, device)
    counts = {f"{name}_dense": count for name, count in _counts(dense, structure.example).items() if name != "bytes"}
    for spec, folder in cells:
        tensors = load_file(folder / "models.safetensors", device=str(device))
        for record in json.loads((folder / "runs.json").read_text()):
            row = _told(spec, record) | {k: v for k, v in counts.items() if k in COLUMNS}
            if record["status"] in ("ok", "collapsed"):
                own = under(f"{record['seed']}/net/", tensors)
                row |= _measured(rebuild(spec.method, dense, structure, record["widths"], own), structure.example, test)
            rows.append({column: row.get(column) for column in COLUMNS})
    return rows


def _told(spec: Spec, record: dict[str, Any]) -> Row:
    """What the run itself knows."""
    row = {name: record[name] for name in COLUMNS if name in record}
    row |= {"study": spec.study, "dataset": spec.dataset, "network": spec.network, "method": spec.label}
    row |= {"target": spec.target, "knobs": json.dumps(spec.knobs, sort_keys=True), "version": __version__}
    if "widths" in record:
        row["widths"] = json.dumps(record["widths"])
    spent = record.get("spent", {})
    for phase in ("pretrain", "learn", "finetune"):
        cost = spent.get(phase, {"steps": 0, "seconds": 0.0})
        row[f"epochs_{phase}"] = cost["steps"] / record["epoch_steps"] if spent else None
        row[f"seconds_{phase}"] = round(cost["seconds"], 3) if spent else None
    row["train_macs"] = sum(cost["macs"] for cost in spent.values()) if spent else None
    return row


def _measured(net: nn.Module, example: Tensor, test: Part) -> Row:
    score = evaluate(net, test)
    row: Row = {"test_accuracy": score.accuracy, "test_loss": score.loss if math.isfinite(score.loss) else None}
    row |= _counts(net, example)
    for where in ["cpu", *(["gpu"] if example.is_cuda else [])]:
        there = torch.device("cuda" if where == "gpu" else "cpu")
        net.to(there)
        for size in BATCHES:
            images = test.normalised(test.images[:size]).to(there)
            row[f"latency_{where}_b{size}_ms"] = round(_latency_ms(net, images), 4)
        if where == "gpu":
            row["peak_memory_mb"] = round(_peak_mb(net, images), 2)
    return row


@torch.no_grad()
def _counts(net: nn.Module, example: Tensor) -> Row:
    from torch_pruning.utils import count_ops_and_params

    net.eval()
    all_ops, _ = count_ops_and_params(net, example)
    return {
        "params": sum(parameter.numel() for parameter in net.parameters()),
        "macs": count_macs(net, example),
        "macs_all_ops": int(all_ops),
        "bytes": len(save({name: tensor.contiguous() for name, tensor in net.state_dict().items()})),
    }


@torch.inference_mode()
def _latency_ms(net: nn.Module, images: Tensor) -> float:
    """Median of repeated runs; torch's timer warms up and waits for the device."""
    from torch.utils.benchmark import Timer

    timer = Timer("net(images)", globals={"net": net, "images": images}, num_threads=torch.get_num_threads())
    return timer.blocked_autorange(min_run_time=TIMED_SECONDS).median * 1e3


@torch.inference_mode()
def _peak_mb(net: nn.Module, images: Tensor) -> float:
    torch.cuda.reset_peak_memory_stats()
    net(images)
    return torch.cuda.max_memory_allocated() / 2**20
