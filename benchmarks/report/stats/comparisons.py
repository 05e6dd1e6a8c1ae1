"""Methods against each other at the same target: paired differences, average ranks, corrected p-values, and how often
one is near the best or beats another (Agarwal et al. 2021, NeurIPS 34).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pandas.api.typing import DataFrameGroupBy
from scipy import stats

from benchmarks.report.stats.estimands import holm
from benchmarks.report.stats.names import CONTROLS, plainest
from benchmarks.report.stats.summary import FREE, LEVEL, TASK, effect_size, half_width, scored
from benchmarks.schemas.target import Target, is_constrained

WITHIN = (0.5, 1.0, 2.0)
"""Percentage points from the best method, in tables."""


@dataclass(frozen=True)
class Ranking:
    """Methods at one target, ranked on every task by their mean accuracy over seeds.

    table: per method its average rank (1 is best) and, against the examined method, the two-sided Wilcoxon p-value over
    tasks, raw (p) and after Holm's correction over the methods (p_holm); NaN for itself. n: how many tasks. left_out:
    methods or tasks that do not take part, see `complete`. friedman_p: of "all methods rank alike"; NaN below three
    methods. critical_difference: of average ranks, Nemenyi at 5 %.
    """

    table: pd.DataFrame
    n: int
    left_out: list[str]
    friedman_p: float
    critical_difference: float


def matched(rows: pd.DataFrame, examined: str) -> pd.DataFrame:
    """The examined method against each other at the same MACs, per task and target.

    difference: accuracy of the examined method minus the other's, paired by seed, with the half-width of its 95 %
    t-interval; effect_size: mean over standard deviation of the differences (Cohen's d_z); p: paired t-test;
    p_holm: corrected over the lines of a target. accuracy, macs_kept: means of the other, fractions.
    """
    groups = matched_pairs(rows, examined).groupby([*TASK, "target", "method"])
    return paired(groups).join(groups[["accuracy", "macs_kept"]].mean()).reset_index()


def paired(groups: DataFrameGroupBy) -> pd.DataFrame:
    """Of the column `difference` of each group: pairs, mean, 95 % half-width, effect size d_z, p and Holm's p.

    The groups are of one task each. Their names hold the target: Holm's family is the groups of a target. Effect size
    and p are NaN where the differences do not vary, as with one pair.
    """
    table = pd.DataFrame(groups["difference"].agg(pairs="count", difference="mean", deviation="std", sem="sem"))
    table["difference_half"] = half_width(table["sem"], table["pairs"])
    table["effect_size"] = effect_size(table["difference"], table["deviation"])
    table["p"] = 2 * stats.t.sf((table["difference"] / table["sem"].replace(0, math.nan)).abs(), table["pairs"] - 1)
    table["p_holm"] = table.groupby("target")["p"].transform(lambda p: holm(p.to_numpy()))
    return table.drop(columns=["deviation", "sem"])


def matched_pairs(rows: pd.DataFrame, examined: str) -> pd.DataFrame:
    """Per scored run at target MACs: its measures, and `difference`, the examined method's accuracy minus its.

    At `match:<examined>` it is paired with that method's unconstrained run, at `macs=<fraction>` with its run at the
    same target; a run without such a counterpart is left out.
    """
    pairs = counterparts(scored(rows), examined, "accuracy")
    return pairs.assign(difference=(pairs["accuracy_examined"] - pairs["accuracy"]).round(12))


def counterparts(runs: pd.DataFrame, examined: str, column: str) -> pd.DataFrame:
    """The runs of the other methods at target MACs, and as <column>_examined the value of the run that each is paired
    with; see `matched_pairs`.
    """
    key = [*TASK, "target", "seed"]
    own = runs.loc[runs["method"] == examined, [*key, column]]
    own = own.assign(target=own["target"].replace(FREE, str(Target.match(examined))))
    others = runs[(runs["method"] != examined) & (runs["target"] != FREE)]
    return others.merge(own, on=key, suffixes=("", "_examined"), validate="many_to_one")


def against_control(runs: pd.DataFrame, target: Target) -> tuple[str, pd.DataFrame] | None:
    """The control at a target, and the scored runs of other methods there with `points`: their accuracy minus its.

    The control is the method whose MACs are matched, else `uniform`, a network that is narrower everywhere, else
    `random`. Paired by task and seed. None where no control ran.
    """
    matched = (runs["method"] == target.matched) & (runs["target"] == FREE)
    here = runs[(runs["target"] == str(target)) | matched]
    control = target.matched or next(filter(None, (plainest(key, here["method"]) for key in CONTROLS)), None)
    if not control or control not in set(here["method"]):
        return None
    own = here.loc[here["method"] == control, [*TASK, "seed", "accuracy"]]
    pairs = here[here["method"] != control].merge(own, on=[*TASK, "seed"], suffixes=("", "_control"))
    return control, pairs.assign(points=(100 * (pairs["accuracy"] - pairs["accuracy_control"])).round(9))


def ranked_targets(rows: pd.DataFrame) -> list[str]:
    """The targets that set the MACs, those of other methods first, then fractions from the largest to the smallest."""
    targets = map(Target.parse, filter(is_constrained, set(rows["target"])))
    return [str(t) for t in sorted(targets, key=lambda t: (t.fraction is not None, -(t.fraction or 0.0), str(t)))]


def ranking(rows: pd.DataFrame, target: str, examined: str) -> Ranking:
    """Average ranks at a target; at `match:<method>` that method takes part with its unconstrained runs.

    Tasks are the unit, as seeds of one task share their data (Demsar 2006, JMLR 7). A failed run counts as accuracy 0,
    so that failing never pays.
    """
    means, left_out = complete(rows, target)
    n, k = means.shape
    ranks = stats.rankdata(-means.to_numpy(), axis=1)
    p = np.array([_wilcoxon(means, examined, method) for method in map(str, means)])
    table = pd.DataFrame({"method": list(means), "average_rank": ranks.mean(axis=0), "p": p, "p_holm": holm(p)})
    return Ranking(
        table=table.sort_values(["average_rank", "method"], ignore_index=True),
        n=n,
        left_out=left_out,
        friedman_p=float(stats.friedmanchisquare(*ranks.T).pvalue) if n > 1 and k > 2 else math.nan,
        critical_difference=critical_difference(k, n),
    )


def complete(rows: pd.DataFrame, target: str) -> tuple[pd.DataFrame, list[str]]:
    """Mean accuracy at a target, a line per task and a column per method, and what is left out so that none is missing:
    the methods that lack a task, or the tasks that lack a method, whichever leaves the larger table.
    """
    # Rounded so that equal means are ties.
    wide = at_target(rows, target).pivot_table(index=TASK, columns="method", values="accuracy").round(12)
    methods, tasks = wide.dropna(axis="columns"), wide.dropna(axis="index")
    if tasks.size > methods.size:
        return tasks, [" ".join(map(str, task)) for task in wide.index.difference(tasks.index)]
    return methods, list(wide.columns.difference(methods.columns))


def at_target(rows: pd.DataFrame, target: str) -> pd.DataFrame:
    """The runs that are compared at a target, with their `accuracy`: 0 of a failed run; see `ranking`."""
    matched = (rows["method"] == Target.parse(target).matched) & (rows["target"] == FREE)
    runs = rows[(rows["target"] == target) | matched]
    return runs.assign(accuracy=runs["test_accuracy"].where(runs["status"] == "ok").fillna(0))


def _wilcoxon(accuracies: pd.DataFrame, examined: str, method: str) -> float:
    if examined not in accuracies or method == examined or accuracies.empty:
        return math.nan
    differences = (accuracies[examined] - accuracies[method]).round(12)
    return float(stats.wilcoxon(differences, zero_method="zsplit").pvalue) if differences.any() else 1.0


def critical_difference(k: int, n: int) -> float:
    """Nemenyi's at 5 %: the least difference of average ranks of k methods over n blocks (Demsar 2006) that counts."""
    if k < 2 or n < 1:
        return math.nan
    return float(stats.studentized_range.ppf(0.95, k, math.inf) / math.sqrt(2) * math.sqrt(k * (k + 1) / (6 * n)))


def gaps(rows: pd.DataFrame, target: str) -> pd.DataFrame:
    """Points of mean test accuracy below the best method: a line per task and a column per method, see `complete`."""
    wide = 100 * complete(rows, target)[0]
    return (-wide.sub(wide.max(axis="columns"), axis="index")).round(9)


def near_best(gaps: pd.DataFrame, points: float) -> pd.Series:
    """The fraction of tasks on which each method is within these points of the best."""
    return (gaps <= points).mean()


def improvement(rows: pd.DataFrame, target: str, examined: str) -> pd.DataFrame:
    """The probability that the examined method has the higher accuracy on a seed and task, a tie counting half.

    Paired by seed; the mean over tasks: a line per other method, indexed by `method`. fixed_low, fixed_high: Wilson's
    95 % interval, with as many comparisons as there are pairs; over_low, over_high: with a comparison per task. Neither
    has width 0 at 0 or 1. Values from 0 to 1 spread most if all are 0 or 1, as Wilson's interval takes them to be.
    Methods and tasks are those of `complete`.
    """
    runs, key, wide = at_target(rows, target), [*TASK, "seed"], complete(rows, target)[0]
    runs = runs[runs["method"].isin(wide.columns) & pd.MultiIndex.from_frame(runs[TASK]).isin(wide.index)]
    own = runs.loc[runs["method"] == examined, [*key, "accuracy"]]
    pairs = runs[runs["method"] != examined].merge(own, on=key, suffixes=("", "_examined"), validate="many_to_one")
    ahead = np.sign((pairs["accuracy_examined"] - pairs["accuracy"]).round(12))
    tasks = pairs.assign(probability=(1 + ahead) / 2).groupby(["method", *TASK])["probability"].agg(["mean", "count"])
    lines = {}
    for method, part in tasks.groupby("method"):
        mean, n = part["mean"].mean(), len(part)
        comparisons = n**2 / (1 / part["count"]).sum()  # the pairs, if all tasks have equally many
        lines[str(method)] = (mean, *_wilson(mean, comparisons), *_wilson(mean, n), n, int(part["count"].sum()))
    columns = ["probability", "fixed_low", "fixed_high", "over_low", "over_high", "tasks", "pairs"]
    return pd.DataFrame(list(lines.values()), pd.Index(list(lines), name="method", dtype=str), columns)


def _wilson(mean: float, n: float) -> tuple[float, float]:
    from statsmodels.stats.proportion import proportion_confint  # slow to import, and needed here alone

    low, high = proportion_confint(mean * n, n, 1 - LEVEL, "wilson")
    return float(low), float(high)
