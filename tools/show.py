"""Print a study's table to the terminal, and where the rest is."""

import argparse
from pathlib import Path

from benchmarks.report.stats.rows import given_rows
from benchmarks.report.tables.summary import print_summary

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path)
    args = parser.parse_args()
    print_summary(given_rows(args.results / "rows.csv"))
    for what in ("index.html", "claims.md", "tables", "figures", "rows.csv"):
        print(f"{args.results / what}")
