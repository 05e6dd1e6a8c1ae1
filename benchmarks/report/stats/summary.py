"""Rows become statistics: means, intervals over seeds, and differences to the dense network paired by seed."""

from __future__ import annotations

import math
from typing import TypeVar

import pandas as pd
from scipy import stats

from benchmarks.report.stats.names import BASELINE
from benchmarks.schemas import target
from benchmarks.schemas.rows import STATUSES

TASK = ["dataset", "network"]
CELL = [*TASK, "method", "target"]
LEVEL = 0.95

Table = TypeVar("Table", pd.Series, pd.DataFrame)

FAILURES = (*STATUSES[1:], "missing")
MEASURES = ("accuracy", "macs_kept", "params_kept", "difference", "cost", "speedup_cpu", "speedup_gpu")
FREE = str(target.FREE)


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
    (its latency at batch 128 over the run's). NaN where there is no such dense run or no latency, or where the two were
    not timed together.
    """
    runs = rows[(rows["status"] == "ok") & rows["test_accuracy"].notna()]
    key = [*TASK, "seed"]
    compared = ["test_accuracy", "train_macs", "latency_cpu_b128_ms", "latency_gpu_b128_ms", "timed_at"]
    dense = runs.loc[runs["method"] == BASELINE, [*key, *compared]].drop_duplicates(key)
    runs = runs.merge(dense, on=key, how="left", suffixes=("", "_of_dense"), validate="many_to_one")
    timed = runs["timed_at"] == runs["timed_at_of_dense"]
    return runs.assign(
        accuracy=runs["test_accuracy"],
        macs_kept=runs["macs"] / runs["macs_dense"],
        params_kept=runs["params"] / runs["params_dense"],
        # Rounded so that equal differences are equal, and have no spread.
        difference=(runs["test_accuracy"] - runs["test_accuracy_of_dense"]).round(12),
        cost=runs["train_macs"] / runs["train_macs_of_dense"],
        speedup_cpu=(runs["latency_cpu_b128_ms_of_dense"] / runs["latency_cpu_b128_ms"]).where(timed),
        speedup_gpu=(runs["latency_gpu_b128_ms_of_dense"] / runs["latency_gpu_b128_ms"]).where(timed),
    )


def on_common_tasks(rows: pd.DataFrame) -> pd.DataFrame:
    """At each target that sets the MACs, the rows of the tasks that all methods on more than half of them share.

    So that their means over tasks can be compared. A run that failed counts: no task is lost because a method fails on
    it. Methods on fewer tasks keep all their rows, and so do all methods where no more than half of the tasks are
    shared. Unconstrained runs are not touched: their MACs differ.
    """
    constrained = rows["target"].map(target.is_constrained).astype(bool)
    kept = [rows[~constrained]]
    for _, part in rows[constrained].groupby("target"):
        names = pd.Series(list(part[TASK].itertuples(index=False, name=None)), part.index, dtype=object)
        tasks = names.groupby(part["method"]).agg(set)
        half = len(set.union(*tasks)) / 2
        on_most = tasks.map(len) > half
        shared = set.intersection(*tasks[on_most]) if on_most.any() else set()
        few = ~part["method"].map(on_most).astype(bool)
        kept.append(part[few | names.isin(shared)] if len(shared) > half else part)
    return pd.concat(kept).sort_index()


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """One line per (dataset, network, method, target): dense first, then by target, then by accuracy.

    seeds: how many the study has; n: how many of them have a score; diverged, collapsed, unsupported, missing: what
    became of the others, so that these five add up to seeds. A (method, target) that ran on one (dataset, network)
    has a line on each of its study. For each measure of `scored`: its mean over the n runs and, as <measure>_half,
    the half-width of its 95 % t-interval over seeds (NaN if n < 2). pairs: seeds behind difference; effect_size: its
    d_z.
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
    tasks, planned = rows[["study", *TASK]].drop_duplicates(), rows[["study", "method", "target"]].drop_duplicates()
    cells = tasks.merge(planned, on="study")
    seeds = cells["study"].map(rows.groupby("study")["seed"].nunique()).to_numpy()
    status = rows["status"].where((rows["status"] != "ok") | rows["test_accuracy"].notna(), "missing")
    counts = rows.assign(status=status).pivot_table(index=CELL, columns="status", values="seed", aggfunc="count")
    counts = counts.reindex(pd.MultiIndex.from_frame(cells[CELL])).reindex(columns=list(STATUSES))
    counts = counts.fillna(0).astype("int64").rename(columns={"ok": "n"}).rename_axis(columns=None)
    counts["missing"] = seeds - counts.sum(axis="columns")
    counts.insert(0, "seeds", seeds)
    return counts
