"""What the study says of the paper's claims, and one page to browse it all."""

import argparse
from pathlib import Path

from benchmarks.files import write_atomically
from benchmarks.report import ledger, page, statistics
from benchmarks.report.claims import claims

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=Path, required=True)
    parser.add_argument("--claims", type=Path, required=True)
    parser.add_argument("--page", type=Path, required=True)
    told = parser.parse_args()
    rows = statistics.read_rows(told.rows)
    write_atomically(told.claims, ledger.markdown(claims(rows)).encode())
    write_atomically(told.page, page.page(rows).encode())
