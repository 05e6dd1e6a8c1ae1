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
from benchmarks.report.stats.rows import read_rows
from benchmarks.schemas import correct
from tests.report.conftest import make_study
from workflow.scripts.gather import packed


def test_packed_histories_are_read_as_they_were() -> None:
    rng = np.random.default_rng(0)
    known = pd.DataFrame({"dataset": "digits", "seed": range(40), "epoch": rng.random(40)})
    sparse = pd.DataFrame({f"factor/{i}": np.where(np.arange(40) == i, rng.random(40), np.nan) for i in range(300)})
    table = pd.concat([known, sparse], axis=1)
    pd.testing.assert_frame_equal(pd.read_parquet(io.BytesIO(packed(table))), table)
    assert len(packed(table)) < len(table.to_parquet(index=False)) / 2


def test_a_study_without_histories_has_an_empty_table() -> None:
    assert pd.read_parquet(io.BytesIO(packed(pd.DataFrame([])))).empty


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
