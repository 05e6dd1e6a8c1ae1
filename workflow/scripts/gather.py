"""Every row in one table, every history in another."""

import argparse
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.machine.files import read_json, write_atomically
from benchmarks.schemas.rows import COLUMNS
from benchmarks.schemas.target import cell_folder


def histories(rows: dict[Path, list[dict[str, Any]]]) -> pd.DataFrame:
    """One line per run and epoch, of the cells that the rows are of: their folders lie beside each file of rows."""
    lines = []
    for path, own in rows.items():
        dataset, network = path.parts[-3:-1]
        for cell in dict.fromkeys(cell_folder(row["method"], row["target"]) for row in own):
            for record in read_json(path.parent / cell / "runs.json"):
                known = {"dataset": dataset, "network": network, "cell": cell, "seed": record["seed"]}
                lines += [known | epoch for epoch in record["history"]]
    return pd.DataFrame(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=Path, nargs="+", required=True)
    parser.add_argument("--out", type=Path, required=True)
    told = parser.parse_args()
    rows = {path: read_json(path) for path in told.rows}
    table = pd.DataFrame([row for own in rows.values() for row in own], columns=list(COLUMNS)).convert_dtypes()
    write_atomically(told.out.parent / "rows.csv", table.to_csv(index=False, lineterminator="\n").encode())
    write_atomically(told.out.parent / "runs.parquet", histories(rows).to_parquet(index=False))
