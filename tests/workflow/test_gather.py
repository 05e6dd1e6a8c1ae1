"""Rows say how many runs the study plans, and histories are packed without a loss."""

from __future__ import annotations

import io
import json
import math
import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.report.claims.gates import absent
from benchmarks.report.claims.judge import claims
from benchmarks.report.figures.registry import OF_HISTORIES
from benchmarks.report.figures.style import looks
from benchmarks.report.page.page import page
from benchmarks.report.stats.rows import read_rows
from benchmarks.schemas import correct
from tests.report.conftest import make_study
from workflow.scripts.gather import packed, read_histories


def test_packed_histories_are_read_as_they_were() -> None:
    rng = np.random.default_rng(0)
    known = pd.DataFrame({"dataset": "digits", "seed": range(40), "epoch": rng.random(40)})
    sparse = pd.DataFrame({f"factor/{i}": np.where(np.arange(40) == i, rng.random(40), np.nan) for i in range(300)})
    table = pd.concat([known, sparse], axis=1)
    pd.testing.assert_frame_equal(pd.read_parquet(io.BytesIO(packed(table))), table)
    assert len(packed(table)) < len(table.to_parquet(index=False)) / 2


def test_a_study_without_histories_has_an_empty_table() -> None:
    assert pd.read_parquet(io.BytesIO(packed(pd.DataFrame([])))).empty


def test_of_a_study_without_histories_figures_and_page_are_made(tmp_path: Path) -> None:
    """Its table had no columns, which the figures asked for."""
    (tmp_path / "runs.parquet").write_bytes(packed(pd.DataFrame([])))
    rows, histories = make_study(["dense", "switcher"]), read_histories(tmp_path / "runs.parquet")
    for draw in OF_HISTORIES.values():
        assert "n=0" in draw(rows, histories)[1]
    assert page(rows, claims(rows), looks(rows["method"]), histories)


@pytest.mark.parametrize("left", [0, 7, 300, -1])
def test_a_table_of_histories_that_is_cut_short_is_named(tmp_path: Path, left: int) -> None:
    path = tmp_path / "runs.parquet"
    path.write_bytes(packed(pd.DataFrame({"seed": range(999), "epoch": np.random.default_rng(0).random(999)}))[:left])
    with pytest.raises(ValueError, match=r"runs\.parquet is cut short or altered .*; delete it"):
        read_histories(path)


def test_histories_keep_what_methods_noted(tmp_path: Path) -> None:
    known = {"dataset": ["d"], "network": ["n"], "cell": ["c"], "seed": [0], "epoch": [1.0], "phase": ["learn"]}
    table = pd.DataFrame(known | {"train_loss": [2.0], "alive/conv1": [8.0]})
    (tmp_path / "runs.parquet").write_bytes(packed(table))
    pd.testing.assert_frame_equal(read_histories(tmp_path / "runs.parquet"), table)


@pytest.mark.parametrize(("planned", "said"), [(6, []), (8, ["of 8 planned runs of study test, 2 without a row"])])
def test_rows_say_how_many_runs_are_planned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, planned: int, said: list[str]
) -> None:
    task = tmp_path / "runs/fashion_mnist/lenet5"
    rows = make_study(["dense", "l1"], seeds=2, networks=1).astype(object).drop(columns="planned")
    records = rows.map(lambda value: None if value == "" or value != value else value).to_dict("records")
    for method, target in {(row["method"], row["target"]) for row in records}:
        (task / f"{method}@{target}").mkdir(parents=True)
        (task / f"{method}@{target}/runs.json").write_text("[]")
    (task / "rows.json").write_text(json.dumps(records))
    correct.write(task / "correct.parquet", correct.table([]))
    arguments = ["--rows", str(task / "rows.json"), "--planned", str(planned), "--out", str(tmp_path / "rows.csv")]
    monkeypatch.setattr("sys.argv", ["gather", *arguments])
    runpy.run_module("workflow.scripts.gather", run_name="__main__")
    found = read_rows(tmp_path / "rows.csv")
    assert len(found) == 6 and set(found["planned"]) == {planned} and absent(found) == said


def test_rows_of_earlier_versions_say_nothing_of_a_plan() -> None:
    assert absent(make_study(["dense"], seeds=2).assign(planned=math.nan)) == []
