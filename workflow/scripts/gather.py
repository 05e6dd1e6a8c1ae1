"""Every row in one table, every history in another."""

import argparse
import json
from pathlib import Path

import pandas as pd

from benchmarks.files import write_atomically
from benchmarks.rows import COLUMNS


def histories(runs: list[Path]) -> pd.DataFrame:
    """One line per run and epoch."""
    lines = []
    for path in runs:
        dataset, network, cell = path.parts[-4:-1]
        for record in json.loads(path.read_text()):
            known = {"dataset": dataset, "network": network, "cell": cell, "seed": record["seed"]}
            lines += [known | epoch for epoch in record["history"]]
    return pd.DataFrame(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=Path, nargs="+", required=True)
    parser.add_argument("--runs", type=Path, nargs="+", required=True)
    parser.add_argument("--out", type=Path, required=True)
    told = parser.parse_args()
    rows = [row for path in told.rows for row in json.loads(path.read_text())]
    table = pd.DataFrame(rows, columns=list(COLUMNS)).convert_dtypes()
    write_atomically(told.out.parent / "rows.csv", table.to_csv(index=False, lineterminator="\n").encode())
    write_atomically(told.out.parent / "runs.parquet", histories(told.runs).to_parquet(index=False))
