"""An own study against the published one, cell by cell."""

import argparse
from pathlib import Path

from benchmarks.machine.files import write_atomically
from benchmarks.report.stats import reproduction
from benchmarks.report.stats.rows import read_rows
from benchmarks.report.tables import compare
from benchmarks.report.text import sheets

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--own", type=Path, required=True)
    parser.add_argument("--published", type=Path, required=True)
    parser.add_argument("--out", type=Path, nargs="*", default=[], help=".csv, .md, .html")
    args = parser.parse_args()
    found = reproduction.compare(read_rows(args.own), read_rows(args.published))
    for path in args.out:
        write_atomically(path, sheets.WRITERS[path.suffix](compare.tables(found)).encode())
    compare.show(found)
