"""What the paper takes from a study's rows: its numbers, tables and figures."""

import argparse
from pathlib import Path

import pandas as pd

from benchmarks.files import write_atomically
from benchmarks.report import numbers, sheets, statistics
from benchmarks.report.display import blocks
from benchmarks.report.figures import FIGURES, OF_HISTORIES, save
from benchmarks.report.tables import TABLES

WHOLE = ("ranks", "compression")
"""Figures with one panel for the whole study."""
FEW = 6
"""Panels that a figure of the paper has room for."""


def few(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of as many panels as a page takes, spread over the study."""
    parts = [part for _, part in blocks(rows)]
    return pd.concat([parts[i * len(parts) // FEW] for i in range(FEW)] if len(parts) > FEW else parts)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=Path, required=True)
    parser.add_argument("--histories", type=Path, help="runs.parquet; without it, no figure of histories")
    parser.add_argument("--out", type=Path, required=True, help="folder")
    told = parser.parse_args()
    rows = statistics.read_rows(told.rows)
    for name, table in TABLES.items():
        write_atomically(told.out / f"table_{name}.tex", sheets.tex(table(rows)).encode())
    drawn = {name: draw(rows if name in WHOLE else few(rows)) for name, draw in FIGURES.items()}
    histories = pd.read_parquet(told.histories) if told.histories else pd.DataFrame()
    if any(str(name).startswith("alive/") for name in histories):
        drawn |= {name: draw_histories(few(rows), histories) for name, draw_histories in OF_HISTORIES.items()}
    for name, (figure, caption) in drawn.items():
        save(figure, caption, told.out / name, ["pdf"])
    captions = {f"caption.{name}": caption for name, (_, caption) in drawn.items()}
    write_atomically(told.out / "numbers.tex", numbers.tex(numbers.numbers(rows) | captions).encode())
