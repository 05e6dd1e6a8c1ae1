"""All that a published study shows, written from its rows.csv, runs.parquet and correct.parquet; nothing is trained."""

import argparse
import re
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.machine.files import write_atomically
from benchmarks.registry import ROOT
from benchmarks.report.figures.registry import FIGURES, OF_HISTORIES
from benchmarks.report.stats.rows import read_rows
from benchmarks.report.tables.registry import OF_IMAGES, OF_PUBLISHED, TABLES
from benchmarks.schemas.correct import CORRECT
from benchmarks.study import files
from workflow.scripts import figures, page, tables
from workflow.scripts.gather import read_histories

LITERATURE = ROOT / "paper/published.csv"  # numbers of papers
PUBLISHED = Path("results/published")
SOURCES = ("rows.csv", "runs.parquet")
LARGE = 20_000  # bytes of an SVG from which on it stands in the page alone
MOST = 2 * 2**20  # bytes of correct.parquet up to which it is published, some 1,600 runs on 10,000 images


def pictures(study: str) -> set[str]:
    """The figures of a study that the README or a page of docs/ shows as PNG."""
    pages = [ROOT / "README.md", *ROOT.glob("docs/*.md")]
    named = re.compile(rf"results/published/{re.escape(study)}/figures/(\w+)\.png")
    return {name for page in pages if page.exists() for name in named.findall(page.read_text(encoding="utf-8"))}


def publish(folder: Path) -> None:
    """Write tables as CSV and Markdown, figures as SVG, claims and the page in place of those that are there.

    Large figures stand in the page alone.

    All is drawn in a folder of its own first: behind an error, the old ones are still there.
    """
    with TemporaryDirectory(dir=folder, prefix=".new-") as made:
        new = Path(made)
        draw(folder, new)
        for name in ("tables", "figures"):
            shutil.rmtree(folder / name, ignore_errors=True)
        for path in new.iterdir():
            path.replace(folder / path.name)


def draw(folder: Path, new: Path) -> None:
    """Write what is shown of the rows and histories in `folder` to the folder `new`."""
    rows, histories = read_rows(folder / "rows.csv"), read_histories(folder / "runs.parquet")
    literature = LITERATURE if LITERATURE.exists() else None
    images = folder / CORRECT if (folder / CORRECT).exists() else None
    names = [*TABLES, *(OF_PUBLISHED if literature else ()), *(OF_IMAGES if images else ())]
    texts = [new / f"tables/{name}.html" for name in names]
    drawn = [new / f"figures/{name}.svg" for name in [*FIGURES, *OF_HISTORIES]]
    shown = [new / f"figures/{name}.png" for name in pictures(folder.name)]
    tables.write(
        rows, literature, images, [path.with_suffix(s) for path in texts for s in (".html", ".tex", ".csv", ".md")]
    )
    figures.write(rows, histories, [*drawn, *shown])
    page.write(rows, histories, texts, drawn, new / "claims.md", new / "index.html")
    in_page = [*new.glob("tables/*.html"), *new.glob("tables/*.tex"), *new.glob("figures/*.txt")]
    for path in [*in_page, *(path for path in new.glob("figures/*.svg") if path.stat().st_size > LARGE)]:
        path.unlink()


def copied(results: Path) -> Path:
    """The folder under results/published/ with the rows and histories of a study that ran here.

    Which test images each run classifies correctly is copied where it is small.
    """
    folder = PUBLISHED / results.name
    for name in SOURCES:
        write_atomically(folder / name, (results / name).read_bytes())
    (folder / CORRECT).unlink(missing_ok=True)
    if (results / CORRECT).exists() and (results / CORRECT).stat().st_size <= MOST:
        write_atomically(folder / CORRECT, (results / CORRECT).read_bytes())
    return folder


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "study",
        type=Path,
        help="results/published/<study>; or the config of a study that ran here, which is published first",
    )
    study = parser.parse_args().study
    if study.suffix in files.SUFFIXES:
        study = copied(files.results(study))
    if not (study / "rows.csv").is_file():
        there = ", ".join(sorted(path.parent.name for path in study.parent.glob("*/rows.csv"))) or "nothing"
        parser.error(f"nothing is published in {study}; in {study.parent} there is: {there}")
    publish(study)
