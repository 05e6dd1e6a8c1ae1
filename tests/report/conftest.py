"""Rows to report on: one run with known numbers, and a study that looks like a real one."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmarks.schemas.rows import COLUMNS

Row = dict[str, Any]

METHODS = ["dense", "switcher", "uniform", "random", "l1", "slimming", "soft_filter", "sss", "free_factor", "evolution"]
NETWORKS = {
    "lenet5": ({"conv1": 6, "conv2": 16, "fc1": 120, "fc2": 84}, 0.900, 430_000),
    "resnet8": ({"stem": 16, "layer1": 16, "layer2": 32, "layer3": 64}, 0.930, 12_000_000),
}


def make_row(**changes: Any) -> Row:
    """A run that kept half of the dense network; accuracies in fractions."""
    row = dict.fromkeys(COLUMNS, "") | {
        "study": "test", "dataset": "digits", "network": "lenet5", "method": "l1", "target": "macs=0.5", "seed": 0,
        "status": "ok", "test_accuracy": 0.9, "test_loss": 0.3, "validation_accuracy": 0.9,
        "params": 500.0, "params_dense": 1000.0, "macs": 5000.0, "macs_dense": 10000.0, "macs_all_ops": 5500.0,
        "bytes": 2000.0, "latency_cpu_b1_ms": 1.0, "latency_cpu_b128_ms": 5.0, "latency_gpu_b1_ms": np.nan,
        "latency_gpu_b128_ms": np.nan, "peak_memory_mb": 300.0, "logit_difference": 1e-6, "epochs_pretrain": 10.0,
        "epochs_learn": 0.0, "epochs_finetune": 10.0, "train_macs": 3e6, "seconds_pretrain": 1.0,
        "seconds_learn": 1.0, "seconds_finetune": 1.0, "groups_at_minimum": 0.0, "widths": '{"conv1": 3, "conv2": 8}',
        "knobs": "{}", "version": "0.1.0", "torch": "2.13.0", "device": "cpu", "threads": 1.0,
        "planned": np.nan, "split": "fixed",
    }  # fmt: skip
    return row | changes


def make_dense(**changes: Any) -> Row:
    """The dense run of the seed of `make_row`, with twice the MACs."""
    whole = {"method": "dense", "target": "free", "params": 1000.0, "macs": 10000.0, "latency_cpu_b128_ms": 10.0,
             "train_macs": 4e6, "widths": '{"conv1": 6, "conv2": 16}'}  # fmt: skip
    return make_row(**(whole | changes))


def make_study(methods: list[str], seeds: int = 3, networks: int = 2) -> pd.DataFrame:
    """Plausible rows: accuracy falls as MACs go, seeds share their luck, `random` is worse, `sss` fails at times."""
    rng = np.random.default_rng(0)
    rows = []
    for network, (widths, top, macs) in list(NETWORKS.items())[:networks]:
        luck = rng.normal(0, 0.002, seeds)
        for rank, method in enumerate(methods):
            targets = ["free"] if method == "dense" else ["macs=0.5", "match:switcher"]
            if method in ("switcher", "slimming", "sss", "free_factor"):
                targets = ["macs=0.5", "free"]
            for target in targets:
                for seed in range(seeds):
                    kept = {"free": 0.95 - 0.04 * rank, "macs=0.5": 0.5, "match:switcher": 0.91}[target]
                    kept = 1.0 if method == "dense" else kept + rng.normal(0, 0.02 if target == "free" else 0.003)
                    fall = 0.02 * (1 - kept) ** 2 * (1 + 0.3 * rank) + (0.01 if method == "random" else 0)
                    accuracy = top - fall + luck[seed] + rng.normal(0, 0.001)
                    failed = method == "sss" and target == "macs=0.5" and seed == 1
                    part = {group: max(1, round(size * kept**0.5)) for group, size in widths.items()}
                    rows.append(make_row(
                        dataset="fashion_mnist", network=network, method=method, target=target, seed=seed,
                        status="diverged" if failed else "ok", reason="loss is nan" if failed else "",
                        test_accuracy=np.nan if failed else round(accuracy, 4), macs_dense=macs,
                        macs=round(macs * kept), params_dense=60_000, params=round(60_000 * kept),
                        latency_cpu_b128_ms=10 * (0.4 + 0.6 * kept) * (1 + rng.normal(0, 0.02)),
                        train_macs=macs * 3e5 * (1 if method == "dense" else 0.5 + 0.5 * kept + 0.05 * rank),
                        widths="" if failed else json.dumps(part),
                    ))  # fmt: skip
    return pd.DataFrame(rows)


def make_hostile(name: str) -> pd.DataFrame:
    """Every text is this name, in runs that claims, notes and tables speak of."""
    variant, json_of_it = f"switcher,{name}", json.dumps({name: 3})
    texts = dict.fromkeys(["study", "dataset", "network", "reason", "device", "finished_at"], name)
    texts |= {"widths": json_of_it, "knobs": json_of_it}
    rows = [make_row(**texts, method=name, target=f"from:{name}", status="diverged", test_accuracy=np.nan)]
    for seed in range(3):
        rows.append(make_dense(**texts | {"seed": seed}))
        rows.append(make_row(**texts, seed=seed, method=variant, target="free", test_accuracy=0.8 + seed / 90))
        rows.append(make_row(**texts, seed=seed, method=name, target=f"match:{variant}", test_accuracy=0.81))
    return pd.DataFrame(rows)


@pytest.fixture
def study() -> pd.DataFrame:
    return make_study(METHODS)


@pytest.fixture
def row() -> Callable[..., Row]:
    return make_row


@pytest.fixture
def dense() -> Callable[..., Row]:
    return make_dense


@pytest.fixture
def make() -> Callable[..., pd.DataFrame]:
    return make_study
