"""The summary of a study, for reading, printing and typesetting."""

import argparse
from pathlib import Path

from benchmarks.files import write_atomically
from benchmarks.report import statistics, tables

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=Path, required=True)
    parser.add_argument("--out", type=Path, nargs="+", required=True)
    told = parser.parse_args()
    summary = statistics.summary(statistics.read_rows(told.rows))
    writers = {".csv": tables.csv, ".md": tables.markdown, ".tex": tables.latex, ".html": tables.html}
    for path in told.out:
        write_atomically(path, writers[path.suffix](summary).encode())
