"""The figures of a study, each as PDF, SVG and PNG with its caption."""

import argparse
from pathlib import Path

from benchmarks.report import figures, statistics

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=Path, required=True)
    parser.add_argument("--out", type=Path, nargs="+", required=True)
    told = parser.parse_args()
    rows = statistics.read_rows(told.rows)
    draw = {
        "accuracy_macs": figures.accuracy_against_macs,
        "accuracy_cost": figures.accuracy_against_cost,
        "channels": figures.channels_kept,
        "speedup": figures.real_against_theoretical_speedup,
    }
    for stem in sorted({path.with_suffix("") for path in told.out}):
        figures.save(*draw[stem.name](rows), stem)
