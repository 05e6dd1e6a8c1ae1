"""All that a published study shows, written from its rows.csv and runs.parquet; nothing is trained."""

import argparse
import re
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from benchmarks.machine.files import write_atomically
from benchmarks.registry import ROOT
from benchmarks.report.claims import ledger
from benchmarks.report.claims.judge import claims
from benchmarks.report.figures.registry import FIGURES, OF_HISTORIES
from benchmarks.report.figures.style import looks, save
from benchmarks.report.page.page import Drawing, TableText, page
from benchmarks.report.stats.rows import given_rows
from benchmarks.report.tables.published import read_published
from benchmarks.report.tables.registry import OF_PUBLISHED, TABLES
from benchmarks.report.text.sheets import WRITERS, Tables

LITERATURE = ROOT / "paper/published.csv"  # numbers of papers


def tables(rows: pd.DataFrame, literature: pd.DataFrame | None) -> dict[str, Tables]:
    """Every table by name."""
    found = {name: make(rows) for name, make in TABLES.items()}
    if literature is not None:
        found |= {name: make(rows, literature) for name, make in OF_PUBLISHED.items()}
    return found


def drawings(rows: pd.DataFrame, histories: pd.DataFrame, folder: Path, shown: set[str]) -> list[Drawing]:
    """Every figure, written to the folder as SVG; as PNG too where its name is among those shown."""
    found = []
    makers = {name: make(rows) for name, make in FIGURES.items()}
    makers |= {name: make(rows, histories) for name, make in OF_HISTORIES.items()}
    for name, (figure, caption) in makers.items():
        with TemporaryDirectory() as work:
            suffixes = ["svg", *["png" for _ in shown & {name}]]
            save(figure, caption, Path(work) / name, suffixes)
            files = {suffix: (Path(work) / f"{name}.{suffix}").read_bytes() for suffix in suffixes}
        for suffix, content in files.items():
            write_atomically(folder / f"{name}.{suffix}", content)
        found.append(Drawing(name, files["svg"], caption))
    return found


def pictures(study: str) -> set[str]:
    """The figures of a study that the README or a page of docs/ shows as PNG."""
    pages = [ROOT / "README.md", *ROOT.glob("docs/*.md")]
    named = re.compile(rf"results/published/{re.escape(study)}/figures/(\w+)\.png")
    return {name for page in pages if page.exists() for name in named.findall(page.read_text(encoding="utf-8"))}


def publish(folder: Path) -> None:
    """Write tables as CSV and Markdown, figures as SVG, claims and the page; other tables and figures there go."""
    rows, histories = given_rows(folder / "rows.csv"), pd.read_parquet(folder / "runs.parquet")
    for old in [*folder.glob("tables/*"), *folder.glob("figures/*")]:
        old.unlink()
    texts = []
    for name, table in tables(rows, read_published(LITERATURE) if LITERATURE.exists() else None).items():
        for suffix in (".csv", ".md"):
            write_atomically(folder / f"tables/{name}{suffix}", WRITERS[suffix](table).encode())
        texts.append(TableText(name, *(WRITERS[suffix](table) for suffix in (".html", ".tex", ".csv"))))
    drawn = drawings(rows, histories, folder / "figures", pictures(folder.name))
    judged = claims(rows)
    write_atomically(folder / "claims.md", ledger.markdown(judged).encode())
    text = page(rows, judged, looks(rows["method"]), histories, texts, drawn)
    write_atomically(folder / "index.html", text.encode())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("studies", type=Path, nargs="+", help="folders such as results/published/quick")
    for folder in parser.parse_args().studies:
        if not (folder / "rows.csv").is_file():
            there = ", ".join(sorted(path.parent.name for path in folder.parent.glob("*/rows.csv"))) or "nothing"
            parser.error(f"nothing is published in {folder}; in {folder.parent} there is: {there}")
        publish(folder)
