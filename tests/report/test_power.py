"""Power: what planned seeds can show, on rows whose spread is known."""

from __future__ import annotations

import io
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from scipy import stats

from benchmarks.report.stats.estimands import fixed_tasks
from benchmarks.report.stats.summary import TASK, scored
from benchmarks.report.tables.power import nearest, power, table
from benchmarks.study.config import parse
from tests.report.conftest import make_dense, make_row, make_study
from workflow.scripts.plan import show_power

LOSSES = {"a": (1.0, 2.0, 3.0), "b": (3.0, 4.0, 5.0)}  # points, per task and seed: a variance of 1 over seeds
TASKS = [(dataset, "lenet5") for dataset in LOSSES]


def planted() -> pd.DataFrame:
    rows = []
    for dataset, losses in LOSSES.items():
        for seed, loss in enumerate(losses):
            rows.append(make_dense(dataset=dataset, seed=seed, test_accuracy=0.9))
            rows.append(make_row(dataset=dataset, seed=seed, test_accuracy=0.9 - loss / 100))
    return pd.DataFrame(rows)


def test_as_many_seeds_as_before_show_what_the_standard_error_says() -> None:
    (line,) = power(planted(), TASKS, seeds=3).itertuples()
    runs = scored(planted()).query("method == 'l1'")
    error = fixed_tasks(100 * runs.set_index(TASK)["difference"]).error
    assert line.seed_spread == pytest.approx(1) and line.target == "macs=0.5"
    assert line.fixed == pytest.approx((stats.t.ppf(0.975, 4) + stats.t.ppf(0.8, 4)) * error)
    # Task means of -2 and -4 have a variance of 2, of which seeds cause 1/3.
    assert line.task_spread == pytest.approx(math.sqrt(5 / 3))
    assert line.over == pytest.approx((stats.t.ppf(0.975, 1) + stats.t.ppf(0.8, 1)) * 1)


def test_more_seeds_show_less_and_more_tasks_too() -> None:
    rows = planted()
    few, many = power(rows, TASKS, 3), power(rows, TASKS, 12)
    assert (many["fixed"] < few["fixed"] / 2).all() and (many["over"] < few["over"]).all()
    wide = power(rows, [*TASKS, ("c", "lenet5"), ("d", "lenet5")], 3)
    assert (wide["over"] < few["over"] / 3).all()


def test_a_plan_with_another_split_says_that_the_spread_is_of_another() -> None:
    config = {"study": "x", "datasets": ["digits"], "networks": ["lenet5"], "methods": ["dense"], "targets": ["free"]}
    for split in ("fixed", "seed"):
        console = Console(file=io.StringIO(), width=200)
        show_power(parse({**config, "seeds": 3, "epochs": 2, "split": split}, "test"), console)
        assert isinstance(console.file, io.StringIO)
        said = "There, split is 'fixed'; with 'seed', seeds have another spread."
        assert (said in console.file.getvalue()) == (split == "seed")


def test_a_planned_difference_is_found_in_four_of_five_studies() -> None:
    """Simulated: the difference that 4 seeds on 2 tasks are said to show, with the planted spread over seeds."""
    (line,) = power(planted(), TASKS, seeds=4).itertuples()
    rng = np.random.default_rng(0)
    values = rng.normal(line.fixed, 1, (4000, 2, 4))
    error = np.sqrt(values.var(axis=2, ddof=1).mean(axis=1) / 8)
    shown = np.abs(values.mean(axis=(1, 2)) / error) > stats.t.ppf(0.975, 6)
    assert 0.77 < shown.mean() < 0.83


def test_one_seed_and_one_task_show_nothing() -> None:
    (line,) = power(planted(), TASKS[:1], seeds=1).itertuples()
    assert math.isnan(line.fixed) and math.isnan(line.over) and line.seed_spread == pytest.approx(1)


def test_the_published_study_with_most_common_tasks_is_taken(tmp_path: Path) -> None:
    for name, datasets in (("one", ["x"]), ("two", ["x", "y"]), ("three", ["x", "y"])):
        (tmp_path / name).mkdir()
        study = make_study(["dense", "l1"], seeds=2, networks=1)
        pd.concat([study.assign(dataset=d) for d in datasets]).to_csv(tmp_path / name / "rows.csv", index=False)
    tasks = [("x", "lenet5"), ("y", "lenet5")]
    assert nearest(tmp_path, tasks, "two") == tmp_path / "two/rows.csv"
    assert nearest(tmp_path, tasks, "three") == tmp_path / "three/rows.csv"
    assert nearest(tmp_path, [("z", "lenet5")], "one") is None


def test_the_terminal_shows_a_line_per_target() -> None:
    console = Console(width=120, file=io.StringIO())
    console.print(table(power(planted(), TASKS, 3), "quick (version 0.2)", 2, 3))
    text = " ".join(console.file.getvalue().split())  # type: ignore[attr-defined]
    assert "macs=0.5" in text and "From the spread of quick (version 0.2)" in text
