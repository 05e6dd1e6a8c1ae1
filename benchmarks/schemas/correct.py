"""Which test images each run classifies correctly: correct.parquet has a line per run with a score, a bit per image."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
from pyarrow import parquet

from benchmarks.machine.files import write_atomically

CORRECT = "correct.parquet"
RUN = ["dataset", "network", "method", "target", "seed"]
SCHEMA = pyarrow.schema([
    *((name, pyarrow.string()) for name in RUN[:-1]),
    ("seed", pyarrow.int64()),
    ("images", pyarrow.int64()),  # how many the test set has
    ("correct", pyarrow.binary()),  # in the order of the test set, eight images a byte, the first in the highest bit
])  # fmt: skip


def table(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """A line for every row that has a value `correct`, a bool per image."""
    found = [row for row in rows if row.get("correct") is not None]
    lines = [
        {name: row[name] for name in RUN}
        | {"images": len(row["correct"]), "correct": np.packbits(row["correct"]).tobytes()}
        for row in found
    ]
    return pd.DataFrame(lines, columns=SCHEMA.names)


def unpacked(lines: pd.DataFrame) -> list[np.ndarray]:
    """Of each line, a bool per image."""
    return [
        np.unpackbits(np.frombuffer(bits, np.uint8), count=images).astype(bool)
        for images, bits in zip(lines["images"], lines["correct"], strict=True)
    ]


def write(path: Path, lines: pd.DataFrame) -> None:
    """Write the lines; the bits of 1,000 runs on 10,000 images take 1.25 MB."""
    sink = pyarrow.BufferOutputStream()
    packed = pyarrow.Table.from_pandas(lines, SCHEMA, preserve_index=False).replace_schema_metadata()
    parquet.write_table(packed, sink, compression="zstd", use_dictionary=RUN[:-1], write_statistics=False)
    write_atomically(path, sink.getvalue().to_pybytes())


def read(path: Path) -> pd.DataFrame:
    """What `write` wrote. Raises ValueError, naming the file, if it is anything else."""
    try:
        found = parquet.read_table(path, partitioning=None)
    except (pyarrow.ArrowInvalid, OSError) as error:
        raise ValueError(f"{path} is cut short or altered ({error}); delete it to have it made again") from None
    if found.schema.remove_metadata() != SCHEMA:
        raise ValueError(f"{path} has columns {found.schema.names}; allowed: {SCHEMA.names}")
    return found.to_pandas()
