"""What a published study shows is written again from its rows and histories, and is what the study itself wrote."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.registry import ROOT
from tests.workflow.conftest import Project, payload
from tools import publish


@pytest.fixture
def published(undisturbed: Project, tmp_path: Path) -> Path:
    """Rows, histories and correct images of the tiny study, and a figure of a kind that is no longer drawn."""
    folder = tmp_path / "results/published/tiny"
    (folder / "figures").mkdir(parents=True)
    for name in ("rows.csv", "runs.parquet", "correct.parquet"):
        shutil.copy(undisturbed.root / "results/tiny" / name, folder)
    (folder / "figures/old.png").touch()
    return folder


def test_tables_figures_claims_and_page_come_from_rows_and_histories_alone(
    undisturbed: Project, published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publish, "pictures", lambda study: {"ranks"})
    publish.publish(published)
    own = undisturbed.root / "results/tiny"
    names = {path.relative_to(published) for path in published.rglob("*") if path.is_file()}
    expected = {path.relative_to(own) for s in ("tables/*.csv", "tables/*.md") for path in own.glob(s)}
    expected |= {p.relative_to(own) for p in own.glob("figures/*.svg") if p.stat().st_size <= publish.LARGE}
    more = ("rows.csv", "runs.parquet", "correct.parquet", "claims.md", "index.html", "figures/ranks.png")
    expected |= {Path(name) for name in more}
    assert names == expected
    for name in names - {Path("index.html")}:
        assert (published / name).read_bytes() == (own / name).read_bytes(), name
    assert payload(published) == payload(own)
    first = {name: (published / name).read_bytes() for name in names}
    publish.publish(published)
    assert {name: (published / name).read_bytes() for name in names} == first


def test_behind_an_error_all_that_was_published_is_still_there(
    published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise OSError("no space left")

    before = {path: path.read_bytes() for path in published.rglob("*") if path.is_file()}
    monkeypatch.setattr(publish.page, "write", broken)
    monkeypatch.setattr(publish.figures, "write", broken)
    with pytest.raises(OSError, match="no space left"):
        publish.publish(published)
    assert {path: path.read_bytes() for path in published.rglob("*") if path.is_file()} == before


def test_rows_and_histories_of_a_study_that_ran_here_are_copied(
    undisturbed: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = publish.copied(undisturbed.root / "results/tiny")
    assert folder == Path("results/published/tiny")
    own = undisturbed.root / "results/tiny"
    names = ("rows.csv", "runs.parquet", "correct.parquet")
    assert all((folder / name).read_bytes() == (own / name).read_bytes() for name in names)
    monkeypatch.setattr(publish, "MOST", 100)
    assert not (publish.copied(own) / "correct.parquet").exists(), "it is published where it is small"


def test_a_study_that_does_not_hold_its_correct_images_is_published_without_their_tables(
    published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for part in (publish.figures, publish.page):
        monkeypatch.setattr(part, "write", lambda *_: None)
    (published / "correct.parquet").unlink()
    publish.publish(published)
    names = {path.stem for path in (published / "tables").glob("*.csv")}
    assert "summary" in names and not names & {"test_noise", "mcnemar"}


def test_a_study_that_is_not_published_is_named_with_those_that_are(published: Path) -> None:
    command = [sys.executable, "-m", "tools.publish", str(published.with_name("other"))]
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "there is: tiny" in done.stderr
