"""The tables of a study, for reading, printing and typesetting."""

import argparse
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

import pandas as pd

from benchmarks.machine.files import write_atomically
from benchmarks.report.stats.rows import read_rows
from benchmarks.report.tables.published import read_published
from benchmarks.report.tables.registry import OF_IMAGES, OF_PUBLISHED, TABLES
from benchmarks.report.text import sheets
from benchmarks.schemas import correct


def write(rows: pd.DataFrame, literature: Path | None, images: Path | None, paths: Iterable[Path]) -> None:
    """Write <table>.<suffix> for every path.

    literature: numbers of papers, for the table that compares with them. images: correct.parquet, for those of it.
    """
    for name, own in groupby(sorted(paths), key=lambda path: path.stem):
        if name in TABLES:
            table = TABLES[name](rows)
        elif name in OF_IMAGES:
            assert images is not None, f"{name} needs --correct"
            table = OF_IMAGES[name](rows, correct.read(images))
        else:
            assert literature is not None, f"{name} needs --published"
            table = OF_PUBLISHED[name](rows, read_published(literature))
        for path in own:
            write_atomically(path, sheets.WRITERS[path.suffix](table).encode())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=Path, required=True)
    parser.add_argument("--published", type=Path, help="numbers of papers, for the table that compares with them")
    parser.add_argument("--correct", type=Path, help="correct.parquet, for the tables that need it")
    parser.add_argument("--out", type=Path, nargs="+", required=True, help="<table>.<suffix>, as many as are wanted")
    args = parser.parse_args()
    write(read_rows(args.rows), args.published, args.correct, args.out)
