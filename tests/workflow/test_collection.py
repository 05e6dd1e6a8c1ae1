"""Several finished studies as one report: from a config, through Snakemake, to rows, page and paper."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import yaml

from benchmarks.report.claims.judge import claims
from benchmarks.report.figures.scatter import accuracy_against_macs
from benchmarks.report.figures.style import looks
from benchmarks.report.page.page import page
from benchmarks.report.paper.numbers import numbers
from benchmarks.report.stats.rows import collected, members, read_rows
from benchmarks.report.stats.summary import summary
from benchmarks.schemas import correct
from benchmarks.study.collection import parse
from tests.report.conftest import make_study
from tests.workflow.conftest import Project
from workflow.scripts.collect import collect


def planted(folder: Path, **changes: str) -> pd.DataFrame:
    """A finished study with rows and histories; its dense accuracy differs from that of others by its device."""
    rows = make_study(["dense", "switcher", "l1"], seeds=2, networks=1).assign(study=folder.name, **changes)
    folder.mkdir(parents=True)
    rows.to_csv(folder / "rows.csv", index=False)
    histories = rows[["dataset", "network", "seed"]].assign(cell=rows["method"] + "@" + rows["target"], epoch=1.0)
    histories.assign(phase="learn", train_loss=1.0).to_parquet(folder / "runs.parquet", index=False)
    return rows


@pytest.fixture
def two(tmp_path: Path) -> list[Path]:
    planted(tmp_path / "one", device="a CPU")
    planted(tmp_path / "two", device="a GPU", dataset="digits")
    return [tmp_path / name / "rows.csv" for name in ("one", "two")]


def test_a_collection_is_one_study_of_all_tasks(two: list[Path], tmp_path: Path) -> None:
    collect("both", two, tmp_path / "both")
    rows = read_rows(tmp_path / "both/rows.csv")
    assert set(rows["study"]) == {"both/one", "both/two"}
    assert set(rows["dataset"]) == {"fashion_mnist", "digits"}
    assert set(members(rows)["Hardware"]) == {"a CPU, 1 thread a run", "a GPU, 1 thread a run"}
    histories = pd.read_parquet(tmp_path / "both/runs.parquet")
    assert correct.read(tmp_path / "both/correct.parquet").empty, "neither study holds it"
    assert len(histories) == len(rows) and set(histories["dataset"]) == {"fashion_mnist", "digits"}
    text = page(rows, claims(rows), looks(rows["method"]), histories)
    assert "A collection of 2 studies" in text and "study <strong>both</strong>" in text and "a GPU, 1 thread" in text
    assert len(accuracy_against_macs(rows)[0].axes) == 2
    assert numbers(rows, claims(rows))["device"] == "a CPU, a GPU"


def test_a_task_of_two_studies_keeps_the_dense_baseline_of_each(tmp_path: Path) -> None:
    """The second study lies 10 points lower in all its runs: against its own dense network nothing changes."""
    one = make_study(["dense", "l1"], seeds=2, networks=1)
    lower = one.assign(test_accuracy=one["test_accuracy"] - 0.1)
    rows = collected("both", {"one": one, "two": lower})
    assert set(rows["dataset"]) == {"fashion_mnist (one)", "fashion_mnist (two)"}
    found = summary(rows).query("method == 'l1'").groupby("dataset")["difference"].mean()
    assert found["fashion_mnist (one)"] == pytest.approx(found["fashion_mnist (two)"])


def test_correct_images_are_those_of_the_studies_that_hold_them(two: list[Path], tmp_path: Path) -> None:
    """Both have the same task: its dataset is named after the study."""
    rows = planted(tmp_path / "three")
    found = [row | {"correct": [True]} for row in rows.to_dict("records")]
    correct.write(tmp_path / "three/correct.parquet", correct.table(found))
    collect("both", [two[0], tmp_path / "three/rows.csv"], tmp_path / "both")
    lines = correct.read(tmp_path / "both/correct.parquet")
    assert len(lines) == len(rows) and set(lines["dataset"]) == {"fashion_mnist (three)"}


def test_methods_of_one_study_are_not_missing_in_the_other() -> None:
    one, two = make_study(["dense", "l1"], seeds=2, networks=1), make_study(["dense", "random"], seeds=3, networks=1)
    table = summary(collected("both", {"one": one, "two": two.assign(dataset="digits")}))
    assert (table["missing"] == 0).all() and set(table["seeds"]) == {2, 3}


def test_studies_of_different_versions_are_refused() -> None:
    rows = make_study(["dense", "l1"], seeds=2, networks=1)
    collected("both", {"one": rows, "two": rows.assign(version="0.1.3", dataset="digits")})
    with pytest.raises(ValueError, match=r"collection both: .* not comparable: one is of 0\.1, two is of 0\.2"):
        collected("both", {"one": rows, "two": rows.assign(version="0.2.0", dataset="digits")})


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"studies": ["one"]}, "studies: List should have at least 2 items"),
        ({"studies": ["one", "one"]}, "'one' stands there twice"),
        ({"studies": ["one", "both"]}, "studies: 'both' is the collection itself"),
        ({"studies": ["one", "../two"]}, "studies[1]: String should match pattern"),
        ({"studies": ["one", "two"], "seeds": 3}, "seeds: unknown key; allowed: study, studies"),
    ],
)
def test_a_config_that_is_no_collection(config: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse({"study": "both"} | config, "both.yaml")
    assert said in str(caught.value) and str(caught.value).startswith("both.yaml:\n")


def test_two_studies_become_a_report_through_snakemake(new_project: Callable[..., Project]) -> None:
    """One ran here, the other is published. Nothing is trained, and a second run has nothing to do."""
    project = new_project()
    planted(project.root / "results/one")
    planted(project.root / "results/published/two", dataset="digits")
    (project.root / "study.yaml").write_text(yaml.safe_dump({"study": "both", "studies": ["one", "three"]}))
    printed = project.run(succeeds=False)
    assert "studies: 'three' has no rows.csv in results/three or " in printed and "finished are: one, two" in printed
    assert "Traceback" not in printed and not (project.root / "results/both").exists()
    (project.root / "study.yaml").write_text(yaml.safe_dump({"study": "both", "studies": ["one", "two"]}))
    project.run("--", "tables")
    folder = project.root / "results/both"
    assert len(read_rows(folder / "rows.csv")) == 2 * len(read_rows(project.root / "results/one/rows.csv"))
    text = (folder / "tables/summary.md").read_text()
    assert "### digits, lenet5" in text and "### fashion_mnist, lenet5" in text
    planned = project.planned()
    assert planned == {"drawing the figures", "writing the claims and the page"}
