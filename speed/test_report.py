"""The report of a large synthetic study: how its time grows with the number of rows."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.report.claims import judge, ledger
from benchmarks.report.figures import style
from benchmarks.report.figures.registry import FIGURES
from benchmarks.report.page import page
from benchmarks.report.stats.names import BASELINE
from benchmarks.report.tables.registry import TABLES
from benchmarks.report.text import sheets
from benchmarks.schemas.rows import COLUMNS
from speed.conftest import Compare, Ratio

SIZES = (1_000, 5_000, 20_000)
METHODS = ["dense", "switcher", "uniform", "random", "l1", "slimming", "sss", *(f"m{i:02}" for i in range(13))]
TARGETS = ["macs=0.5", "macs=0.35", "macs=0.2", "free"]
SEEDS = 5
DENSE = {"conv1": 16, "conv2": 32, "conv3": 64, "fc": 128}


def study(rows: int) -> pd.DataFrame:
    """Plausible rows of about `rows` runs: accuracy falls with the MACs, and runs of one seed share an offset."""
    cells = [("dense", "free"), *((method, target) for method in METHODS[1:] for target in TARGETS)]
    datasets = [f"d{i:03}" for i in range(max(1, round(rows / len(cells) / SEEDS)))]
    index = pd.MultiIndex.from_product([datasets, cells, range(SEEDS)], names=["dataset", "cell", "seed"])
    table = index.to_frame(index=False)
    table["method"], table["target"] = zip(*table.pop("cell"), strict=True)
    rng = np.random.default_rng(0)
    target = pd.to_numeric(table["target"].str.removeprefix("macs="), errors="coerce").fillna(0.7)
    kept = target.where(table["method"] != BASELINE, 1.0) * (1 + rng.normal(0, 0.005, len(table)))
    kept = kept.where(table["method"] != BASELINE, 1.0)
    parts = [json.dumps({name: max(1, round(size * share**0.5)) for name, size in DENSE.items()}) for share in kept]
    # The accuracy is rounded below, since real rows share most of their texts.
    accuracy = 0.9 - 0.05 * (1 - kept) ** 2 + table["seed"] * 1e-3 + rng.normal(0, 2e-3, len(table))
    known: dict[str, Any]
    known = {"study": "large", "network": "net", "status": "ok", "version": "0.2.0", "torch": "2", "device": "cpu",
             "precision": "float32", "knobs": "{}", "threads": 1.0, "macs_dense": 1e7, "params_dense": 6e4,
             "epochs_pretrain": 10.0, "epochs_learn": 5.0, "epochs_finetune": 5.0, "seconds_pretrain": 1.0,
             "seconds_learn": 1.0, "seconds_finetune": 1.0}  # fmt: skip
    table = table.assign(**known, test_accuracy=accuracy.round(4), validation_accuracy=accuracy, widths=parts)
    table = table.assign(macs=(1e7 * kept).round(), params=(6e4 * kept).round(), train_macs=3e12 * (0.5 + 0.5 * kept))
    table["latency_cpu_b128_ms"] = 10 * (0.4 + 0.6 * kept)
    texts = ("reason", "code_hash", "config_hash", "finished_at")
    return table.reindex(columns=list(COLUMNS)).fillna(dict.fromkeys(texts, ""))


def report(rows: pd.DataFrame, folder: Path) -> None:
    """Every figure, every table in every format, the claims and the page."""
    for name, draw in FIGURES.items():
        style.save(*draw(rows), folder / name)
    for table in TABLES.values():
        made = table(rows)
        for write in sheets.WRITERS.values():
            write(made)
    judged = judge.claims(rows)
    ledger.markdown(judged)
    (folder / "index.html").write_text(page.page(rows, judged, style.looks(rows["method"])), encoding="utf-8")


def test_report(tmp_path: Path, compare: Compare) -> None:
    """One round: the largest takes a minute."""
    studies = {f"{size:,} rows": study(size) for size in SIZES}
    runs = {name: partial(report, rows, tmp_path) for name, rows in studies.items()}
    small, *others = studies
    growth = [len(studies[name]) / len(studies[small]) for name in others]
    ratios = [Ratio(f"{n} / {small}", n, small, f"<= {more:.1f}") for n, more in zip(others, growth, strict=True)]
    compare(runs, ratios, rounds=1, warmup=0)
