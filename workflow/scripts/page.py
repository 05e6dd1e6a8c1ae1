"""What the study says of the paper's claims, and one page to browse it all."""

import argparse
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from benchmarks.machine.files import write_atomically
from benchmarks.report.claims import ledger
from benchmarks.report.claims.judge import claims
from benchmarks.report.figures.style import looks
from benchmarks.report.page import page
from benchmarks.report.stats.rows import read_rows
from workflow.scripts.gather import read_histories


def table(path: Path) -> page.TableText:
    """A table from its HTML fragment, with the LaTeX and CSV of the same name."""
    return page.TableText(path.stem, *(path.with_suffix(s).read_text("utf-8") for s in (".html", ".tex", ".csv")))


def drawing(path: Path) -> page.Drawing:
    """A figure from its SVG, with the caption of the same name."""
    return page.Drawing(path.stem, path.read_bytes(), path.with_suffix(".txt").read_text("utf-8").strip())


def write(
    rows: pd.DataFrame,
    histories: pd.DataFrame | None,
    tables: Iterable[Path],
    figures: Iterable[Path],
    verdicts: Path,
    html: Path,
) -> None:
    """Write the claims to `verdicts` and the page to `html`."""
    judged = claims(rows)
    write_atomically(verdicts, ledger.markdown(judged).encode())
    text = page.page(rows, judged, looks(rows["method"]), histories, [*map(table, tables)], [*map(drawing, figures)])
    write_atomically(html, text.encode())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=Path, required=True)
    parser.add_argument("--histories", type=Path, help="runs.parquet")
    parser.add_argument(
        "--tables", type=Path, nargs="*", default=[], help=".html; .tex and .csv of the same name are read too"
    )
    parser.add_argument("--figures", type=Path, nargs="*", default=[], help=".svg; .txt of the same name is read too")
    parser.add_argument("--claims", type=Path, required=True)
    parser.add_argument("--page", type=Path, required=True)
    args = parser.parse_args()
    rows = read_rows(args.rows)
    histories = read_histories(args.histories) if args.histories else None
    write(rows, histories, args.tables, args.figures, args.claims, args.page)
