"""Print a study's table to the terminal, and where the rest is."""

import argparse
from pathlib import Path

from benchmarks.report.stats.rows import read_rows
from benchmarks.report.tables.summary import print_summary
from benchmarks.study import files

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study", type=Path, help="its config, or the folder of its results")
    results = files.results(parser.parse_args().study)
    print_summary(read_rows(results / "rows.csv"))
    for what in ("index.html", "claims.md", "tables", "figures", "rows.csv"):
        print(f"{results / what}")
