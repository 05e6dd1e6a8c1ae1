"""What a finished study offers beside its files: Snakemake's own report, and a comparison with published rows."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd

from benchmarks.report.page.page import EMPTY
from tests.workflow.conftest import Project, payload


def publish(project: Project, name: str = "tiny") -> Path:
    rows = project.root / "results/published" / name / "rows.csv"
    rows.parent.mkdir(parents=True)
    shutil.copy(project.root / "results/tiny/rows.csv", rows)
    return rows


def test_the_page_has_histories_tables_and_figures(undisturbed: Project) -> None:
    results = undisturbed.root / "results/tiny"
    text = (results / "index.html").read_text()
    data = payload(results)
    assert len(data["histories"]) == len(undisturbed.rows())
    assert all(len(history["epoch"]) >= 4 for history in data["histories"])
    tables = {path.stem for path in (results / "tables").glob("*.html") if "<table" in path.read_text()}
    assert set(data["tables"]) == tables | {"failures"}
    drawn = {path.stem for path in (results / "figures").glob("*.txt") if not EMPTY.search(path.read_text())}
    assert set(data["figures"]) == drawn and text.count("<figure>") == len(drawn) >= 4


def test_snakemake_reports_with_categories_and_captions(finished: Project) -> None:
    finished.run("--report", "report.html")
    text = (finished.root / "report.html").read_text()
    for category in ("Tables", "Figures", "Claims", "Page"):
        assert f'"{category}"' in text
    for name in ("summary.html", "accuracy_macs.svg", "claims.md", "index.html"):
        assert f"results/tiny/{'tables/' * (name == 'summary.html')}{'figures/' * name.endswith('.svg')}{name}" in text
    assert "differences are paired by seed" in text and "one page that needs no network" in text


def test_a_study_is_compared_with_the_published_one(finished: Project) -> None:
    rows = pd.read_csv(publish(finished))
    n = len(rows) // 2  # cells, of two seeds each
    printed = " ".join(finished.run("--", "compare").split())
    assert f"reproduced: {n} of {n} cells agree within 0.5 points of test accuracy ({n} of them to the bit)." in printed
    table = pd.read_csv(finished.root / "results/tiny/compare.csv")
    assert set(table["verdict"]) == {"identical"} and table["same_hashes"].sum() == len(rows)
    for suffix in ("md", "html"):
        assert f"reproduced: {n} of {n}" in (finished.root / f"results/tiny/compare.{suffix}").read_text()


def test_a_study_that_nobody_published_is_one_error_with_the_names_there_are(finished: Project) -> None:
    publish(finished, "quick")
    printed = finished.run("--", "compare", succeeds=False)
    assert "nothing is published of study 'tiny'; there is: quick" in printed
    assert "Execute" not in printed, "no job was started"
