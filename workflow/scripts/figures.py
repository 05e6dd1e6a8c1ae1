"""The figures of a study, each as PDF, SVG and PNG with its caption."""

import argparse
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

import pandas as pd

from benchmarks.report.figures.registry import FIGURES, OF_HISTORIES
from benchmarks.report.figures.style import save
from benchmarks.report.stats.rows import read_rows
from workflow.scripts.gather import read_histories


def write(rows: pd.DataFrame, histories: pd.DataFrame | None, paths: Iterable[Path]) -> None:
    """Write <figure>.<suffix> for every path, and <figure>.txt, its caption."""
    for stem, own in groupby(sorted(paths), key=lambda path: path.with_suffix("")):
        if stem.name in FIGURES:
            drawn = FIGURES[stem.name](rows)
        else:
            assert histories is not None, f"{stem.name} needs --histories"
            drawn = OF_HISTORIES[stem.name](rows, histories)
        save(*drawn, stem, [path.suffix[1:] for path in own if path.suffix != ".txt"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=Path, required=True)
    parser.add_argument("--histories", type=Path, help="runs.parquet, for the figures that need it")
    parser.add_argument("--out", type=Path, nargs="+", required=True, help="<figure>.<suffix>, as many as are wanted")
    args = parser.parse_args()
    write(read_rows(args.rows), read_histories(args.histories) if args.histories else None, args.out)
