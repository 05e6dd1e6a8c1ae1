"""The figures of a study, each as PDF, SVG and PNG with its caption."""

import argparse
from pathlib import Path

import pandas as pd

from benchmarks.report.figures.registry import FIGURES, OF_HISTORIES
from benchmarks.report.figures.style import save
from benchmarks.report.stats.rows import given_rows

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=Path, required=True)
    parser.add_argument("--histories", type=Path, help="runs.parquet, for the figures that need it")
    parser.add_argument("--out", type=Path, nargs="+", required=True)
    args = parser.parse_args()
    rows = given_rows(args.rows)
    histories = pd.read_parquet(args.histories) if args.histories else None
    for stem in sorted({path.with_suffix("") for path in args.out}):
        if stem.name in FIGURES:
            save(*FIGURES[stem.name](rows), stem)
        else:
            assert histories is not None, f"{stem.name} needs --histories"
            save(*OF_HISTORIES[stem.name](rows, histories), stem)
