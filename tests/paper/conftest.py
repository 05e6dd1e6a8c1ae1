"""Published studies as the paper takes them: their real cells, with rows that are made up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.report.stats.rows import read_rows
from benchmarks.report.stats.summary import CELL
from benchmarks.schemas.target import Target
from tests.report.conftest import Row, make_dense, make_row

ROOT = Path(__file__).parents[2]
STUDIES = ("reference", "reading", "ablation_switcher", "field")
KNOBS = '{"gain": 1.5, "begin": 0.3, "end": 0.7, "turns": 60, "lr": 0.08, "budget_lr": 0.02, "hidden": 64}'
PARAMETERS = {
    "lenet5": 6e4,
    "lenet5_wide": 2.4e5,
    "lenet5_wider": 9e5,
    "resnet8": 8e4,
    "resnet20": 2.7e5,
    "vgg8_bn": 5e5,
}


def make_published(study: str, seeds: int = 3) -> pd.DataFrame:
    """Plausible rows for every cell of the published study; `sss` and random signs fail once."""
    published = read_rows(ROOT / f"results/published/{study}/rows.csv")
    rng = np.random.default_rng(0)
    cells = published[CELL].drop_duplicates().itertuples(index=False)
    rows = [_row(study, cell, seed, rng) for cell in cells for seed in range(seeds)]
    return pd.DataFrame(rows)


def _row(study: str, cell: Any, seed: int, rng: np.random.Generator) -> Row:
    own = {"study": study, "dataset": cell.dataset, "network": cell.network, "seed": seed, "knobs": KNOBS}
    own |= {"params_dense": PARAMETERS[cell.network], "target": cell.target, "precision": "float32"}
    top = (0.97 if cell.dataset == "digits" else 0.89) + rng.normal(0, 0.003)
    if cell.method == "dense":
        return make_dense(**own, test_accuracy=top, params=PARAMETERS[cell.network])
    kept = Target.parse(cell.target).fraction or rng.uniform(0.75, 0.95)
    failed = seed == 1 and (cell.method, cell.network) == ("sss", "resnet8")
    failed |= seed == 2 and cell.method == "switcher,signal=random"
    own |= {"method": cell.method, "macs": 1e4 * kept, "params": PARAMETERS[cell.network] * kept}
    accuracy = np.nan if failed else top - 0.03 * (1 - kept) ** 2 + rng.normal(0, 0.003)
    return make_row(**own, test_accuracy=accuracy, status="collapsed" if failed else "ok")
