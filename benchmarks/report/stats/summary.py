"""Rows in, statistics out: means, intervals over seeds, and differences to the dense network paired by seed."""

from __future__ import annotations

import json
import math
import reprlib
from os import PathLike
from typing import TypeVar

import pandas as pd
from scipy import stats

from benchmarks.report.stats.names import BASELINE
from benchmarks.schemas import target
from benchmarks.schemas.rows import COLUMNS, STATUSES

TASK = ["dataset", "network"]
CELL = [*TASK, "method", "target"]
LEVEL = 0.95

TEXT_COLUMNS = (
    "study", "dataset", "network", "method", "target", "status", "reason", "widths", "knobs", "precision",
    "code_hash", "config_hash", "version", "torch", "device", "finished_at",
)  # fmt: skip
FRACTIONS = ("test_accuracy", "validation_accuracy")
Table = TypeVar("Table", pd.Series, pd.DataFrame)

FAILURES = (*STATUSES[1:], "missing")
MEASURES = ("accuracy", "macs_kept", "params_kept", "difference", "cost", "speedup_cpu", "speedup_gpu")
FREE = str(target.FREE)


def read_rows(path: str | PathLike[str]) -> pd.DataFrame:
    """Rows of a rows.csv, text as str, numbers as float64, seed as int64; an empty number is NaN.

    Raises ValueError, naming the file, if it is no table, columns are missing, a value cannot be read, a run occurs
    twice, there are no rows, or the rows come from versions that are not comparable.
    """
    try:
        rows = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
    except ValueError as error:  # of pandas; it names no file
        raise ValueError(f"{path} is no table of rows: {error}") from None
    missing = [column for column in COLUMNS if column not in rows]
    if missing:
        versions = ", ".join(sorted(set(rows.get("version", [])))) or "unknown"
        raise ValueError(f"{path} lacks columns: {', '.join(missing)}. It was written by another version ({versions})")
    if rows.empty:
        raise ValueError(f"{path} holds no rows")
    for column in COLUMNS:
        if column not in TEXT_COLUMNS:
            rows[column] = _numbers(rows[column], path)
    broken = rows.loc[~(rows["seed"].abs() < 2**53) | (rows["seed"] % 1 != 0), "seed"]
    if len(broken):
        raise ValueError(f"{path}: column seed must hold whole numbers, not {broken.iloc[0]}")
    rows["seed"] = rows["seed"].astype("int64")
    _check(rows, path)
    return rows[list(COLUMNS)]


def _numbers(column: pd.Series, path: str | PathLike[str]) -> pd.Series:
    try:
        # Python's float is correctly rounded, so a written number is read back bit for bit.
        return column.map(lambda text: float(text) if text else float("nan")).astype("float64")
    except ValueError as error:
        raise ValueError(f"{path}: column {column.name} must hold numbers: {error}") from error


def _check(rows: pd.DataFrame, path: str | PathLike[str]) -> None:
    unknown = sorted(set(rows["status"]) - set(STATUSES))
    if unknown:
        raise ValueError(f"{path}: unknown status {unknown[0]!r}; allowed: {', '.join(STATUSES)}")
    for spelled in rows["target"].unique():
        try:
            target.Target.parse(spelled)
        except ValueError as error:
            raise ValueError(f"{path}: column target: {error}") from None
    for column in FRACTIONS:
        beyond = rows.loc[rows[column].notna() & ~rows[column].between(0, 1), column]
        if len(beyond):
            raise ValueError(f"{path}: column {column} must hold fractions from 0 to 1, not {beyond.iloc[0]}")
    for column in ("widths", "knobs"):
        for text in rows[column].unique():
            _check_json(text, f"{path}: column {column}")
    twice = rows[rows.duplicated([*CELL, "seed"])]
    if len(twice):
        raise ValueError(f"{path}: two rows for {' '.join(map(str, twice.iloc[0][[*CELL, 'seed']]))}")
    versions = sorted({".".join(version.split(".")[:2]) for version in rows["version"]})
    if len(versions) > 1:
        raise ValueError(f"{path}: rows of versions {', '.join(versions)} are not comparable")


def _check_json(text: str, place: str) -> None:
    try:
        known = not text or isinstance(json.loads(text), dict)
    except ValueError:
        known = False
    if not known:
        raise ValueError(f"{place} must hold JSON objects, not {reprlib.repr(text)}")


def half_width(sem: Table, n: Table) -> Table:
    """Half-width of the two-sided 95 % t-interval of a mean from its standard error; NaN where n < 2."""
    return sem * stats.t.ppf((1 + LEVEL) / 2, n - 1)


def effect_size(mean: pd.Series, deviation: pd.Series) -> pd.Series:
    """Cohen's d_z of paired differences: mean over standard deviation; NaN where they do not vary or n < 2."""
    return mean / deviation.replace(0, math.nan)


def scored(rows: pd.DataFrame) -> pd.DataFrame:
    """The runs with status ok and a score, with their measures.

    accuracy (test, a fraction), macs_kept and params_kept (fractions of dense), and, against the dense run of the
    same seed, difference (accuracy minus its accuracy), cost (ratio of training MACs), speedup_cpu and speedup_gpu
    (its latency at batch 128 over the run's). NaN where there is no such dense run or no latency.
    """
    runs = rows[(rows["status"] == "ok") & rows["test_accuracy"].notna()]
    key = [*TASK, "seed"]
    compared = ["test_accuracy", "train_macs", "latency_cpu_b128_ms", "latency_gpu_b128_ms"]
    dense = runs.loc[runs["method"] == BASELINE, [*key, *compared]].drop_duplicates(key)
    runs = runs.merge(dense, on=key, how="left", suffixes=("", "_of_dense"), validate="many_to_one")
    return runs.assign(
        accuracy=runs["test_accuracy"],
        macs_kept=runs["macs"] / runs["macs_dense"],
        params_kept=runs["params"] / runs["params_dense"],
        # Rounded so that equal differences are equal, and have no spread.
        difference=(runs["test_accuracy"] - runs["test_accuracy_of_dense"]).round(12),
        cost=runs["train_macs"] / runs["train_macs_of_dense"],
        speedup_cpu=runs["latency_cpu_b128_ms_of_dense"] / runs["latency_cpu_b128_ms"],
        speedup_gpu=runs["latency_gpu_b128_ms_of_dense"] / runs["latency_gpu_b128_ms"],
    )


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """One line per (dataset, network, method, target): dense first, then by target, then by accuracy.

    seeds: how many the study has; n: how many of them have a score; diverged, collapsed, unsupported, missing: what
    became of the others, so that these five add up to seeds. A (method, target) that ran on one (dataset, network)
    has a line on each. For each measure of `scored`: its mean over the n runs and, as <measure>_half, the
    half-width of its 95 % t-interval over seeds (NaN if n < 2). pairs: seeds behind difference; effect_size: its d_z.
    """
    groups = scored(rows).groupby(CELL)[list(MEASURES)]
    means, counts = groups.mean(), groups.count()
    halves = half_width(groups.sem(), counts).add_suffix("_half")
    effect = effect_size(means["difference"], groups.std()["difference"]).rename("effect_size")
    lines = _counts(rows).join([means, halves, effect, counts["difference"].rename("pairs")])
    lines["pairs"] = lines["pairs"].fillna(0).astype("int64")
    lines["later"] = lines.index.get_level_values("method") != BASELINE
    order = [*TASK, "later", "target", "accuracy", "method"]
    lines = lines.reset_index().sort_values(order, ascending=[True] * 4 + [False, True], ignore_index=True)
    return lines.drop(columns="later")


def _counts(rows: pd.DataFrame) -> pd.DataFrame:
    cells = rows[TASK].drop_duplicates().merge(rows[["method", "target"]].drop_duplicates(), how="cross")
    status = rows["status"].where((rows["status"] != "ok") | rows["test_accuracy"].notna(), "missing")
    counts = rows.assign(status=status).pivot_table(index=CELL, columns="status", values="seed", aggfunc="count")
    counts = counts.reindex(pd.MultiIndex.from_frame(cells)).reindex(columns=list(STATUSES))
    counts = counts.fillna(0).astype("int64").rename(columns={"ok": "n"}).rename_axis(columns=None)
    counts["missing"] = rows["seed"].nunique() - counts.sum(axis="columns")
    counts.insert(0, "seeds", rows["seed"].nunique())
    return counts
