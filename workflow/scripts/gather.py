"""Every row in one table, every history in another, and in a third which test images each run classifies correctly."""

import argparse
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow
from pyarrow import parquet

from benchmarks.machine.files import read_json, write_atomically
from benchmarks.schemas import correct
from benchmarks.schemas.record import read_records
from benchmarks.schemas.rows import COLUMNS, parse_rows
from benchmarks.schemas.target import cell_folder

HISTORY = ["dataset", "network", "cell", "seed", "epoch", "phase", "train_loss"]
"""Columns that every table of histories has; others are what some method noted."""


def checked(paths: list[Path]) -> dict[Path, list[dict[str, Any]]]:
    """The rows of each file. Raises ValueError, naming the file, if one is refused."""
    rows = {path: read_json(path) for path in paths}
    for path, own in rows.items():
        parse_rows(own, path)
    return rows


def histories(rows: dict[Path, list[dict[str, Any]]]) -> pd.DataFrame:
    """One line per run and epoch, of the cells in these files of rows; a cell's folder lies next to its file."""
    lines = []
    for path, own in rows.items():
        dataset, network = path.parts[-3:-1]
        for cell in dict.fromkeys(cell_folder(row["method"], row["target"]) for row in own):
            for record in read_records(path.parent / cell):
                known = {"dataset": dataset, "network": network, "cell": cell, "seed": record.seed}
                lines += [known | epoch for epoch in record.history]
    return pd.DataFrame(lines)


def packed(table: pd.DataFrame) -> bytes:
    """As Parquet, from which `pandas.read_parquet` gives the same table.

    Left out is what Arrow and pandas note of each column: of hundreds of sparse ones it takes more than their values.
    """
    sink = pyarrow.BufferOutputStream()
    plain = pyarrow.Table.from_pandas(table, preserve_index=False).replace_schema_metadata()
    options = {"compression": "zstd", "compression_level": 19, "write_statistics": False, "store_schema": False}
    parquet.write_table(plain, sink, **options)
    return sink.getvalue().to_pybytes()


def read_histories(path: Path) -> pd.DataFrame:
    """What `packed` wrote, with all of `HISTORY`, which a study lacks in which no run has a history.

    Raises ValueError, naming the file, if it is not whole.
    """
    try:
        found = pd.read_parquet(path)
    except (pyarrow.ArrowInvalid, OSError) as error:
        raise ValueError(f"{path} is cut short or altered ({error}); delete it to have it made again") from None
    return found.reindex(columns=list(dict.fromkeys([*HISTORY, *found])))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=Path, nargs="+", required=True)
    parser.add_argument("--planned", type=int, required=True, help="runs that the study plans")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    rows = checked(args.rows)
    every = [row | {"planned": args.planned} for own in rows.values() for row in own]
    parse_rows(every, "the rows of all tasks")
    table = pd.DataFrame(every, columns=list(COLUMNS)).convert_dtypes()
    write_atomically(args.out.parent / "rows.csv", table.to_csv(index=False, lineterminator="\n").encode())
    write_atomically(args.out.parent / "runs.parquet", packed(histories(rows)))
    images = [correct.read(path.with_name(correct.CORRECT)) for path in args.rows]
    correct.write(args.out.with_name(correct.CORRECT), pd.concat(images, ignore_index=True))
