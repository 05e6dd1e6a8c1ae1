"""The paper's inputs from published studies: the figures and tables that its text names, and every number."""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from benchmarks.machine.files import write_atomically
from benchmarks.report.claims.judge import claims
from benchmarks.report.figures.registry import FIGURES, OF_HISTORIES
from benchmarks.report.figures.style import save
from benchmarks.report.paper import numbers
from benchmarks.report.paper.pairs import plain
from benchmarks.report.stats.rows import read_rows
from benchmarks.report.tables.across import ACROSS
from benchmarks.report.tables.published import read_published
from benchmarks.report.text import latex
from benchmarks.report.text.words import tasks
from workflow.scripts.gather import read_histories

NAMED = re.compile(r"\\study(figure|graphic|table)(?:\[(\d+)\])?\{(\w+)/(\w+)\}")
r"""\studyfigure[<tasks>]{<study>/<figure>}, \studygraphic likewise, \studytable{<study>/<table>}."""

LEFT_OUT = " Shown are some tasks; the others are among the study's figures."


def few(rows: pd.DataFrame, most: int) -> pd.DataFrame:
    """The rows of this many tasks, spread over the study."""
    parts = [part for _, part in tasks(rows)]
    return pd.concat([parts[i * len(parts) // most] for i in range(most)]) if len(parts) > most else rows


def write(study: Path, named: list[tuple[str, str, str]], out: Path) -> Iterator[tuple[str, str]]:
    """Write what the text names of this study, (kind, number of tasks, name) each; yields every key and its text."""
    rows = plain(read_rows(study / "rows.csv"))
    yield from numbers.numbers(rows, claims(rows)).items()
    for kind, most, name in named:
        part = few(rows, int(most)) if most else rows
        if kind == "table":
            for sheet in ACROSS[name](part).sheets:
                label = f"{study.name}/{name}"
                table = latex.table(sheet.title, sheet.cells, sheet.caption, sheet.names, label)
                write_atomically(out / f"{name}.tex", table.encode())
                yield f"has.{name}", "yes"
        elif drawn := draw(part, name, study / "runs.parquet"):
            save(*drawn, out / name, ["pdf"])
            yield f"has.{name}", "yes"
            yield f"caption.{name}", drawn[1] + (LEFT_OUT if len(part) < len(rows) else "")


def draw(rows: pd.DataFrame, name: str, histories: Path) -> tuple[Figure, str] | None:
    """The figure and its caption; None where it needs histories that are not there."""
    if name in FIGURES:
        return FIGURES[name](rows)
    return OF_HISTORIES[name](rows, read_histories(histories)) if histories.exists() else None


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=Path, nargs="*", required=True, help="folders of published studies")
    parser.add_argument("--literature", type=Path, required=True, help="numbers of papers")
    parser.add_argument("--text", type=Path, required=True, help="main.tex")
    parser.add_argument("--out", type=Path, required=True, help="folder")
    args = parser.parse_args()
    named = NAMED.findall(args.text.read_text(encoding="utf-8"))
    values = {f"literature/{key}": text for key, text in numbers.literature(read_published(args.literature)).items()}
    for study in args.studies:
        own = [(kind, most, name) for kind, most, of, name in named if of == study.name]
        values |= {f"{study.name}/{key}": text for key, text in write(study, own, args.out / study.name)}
    knobs = {key.split("/")[1]: text for key, text in reversed(values.items()) if "/knob." in key}
    values |= {f"default/{key}": text for key, text in knobs.items()}  # of the first study that has the method itself
    write_atomically(args.out / "numbers.tex", numbers.tex(values).encode())
