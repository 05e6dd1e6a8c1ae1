"""Both means over tasks: worked examples, agreement with statsmodels, and simulated coverage."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from statsmodels.regression.mixed_linear_model import MixedLM
from statsmodels.stats.weightstats import ttost_paired

from benchmarks.report.stats.estimands import (
    Estimate,
    each_task,
    fixed_tasks,
    noninferior,
    outcome,
    outcomes,
    over_tasks,
)


def values(*tasks: list[float]) -> pd.Series:
    """One value a run, under the name of its task."""
    names = [("digits", f"net{i}") for i, task in enumerate(tasks) for _ in task]
    index = pd.MultiIndex.from_tuples(names, names=["dataset", "network"])
    return pd.Series([x for task in tasks for x in task], index, dtype=float)


def test_fixed_tasks_adds_up_the_variances_of_the_task_means() -> None:
    """1, 2, 3 and 5, 5, 5, 9: means 2 and 6, variances of them 1/3 and 1; error sqrt(4/3) / 2."""
    found = fixed_tasks(values([1, 2, 3], [5, 5, 5, 9]))
    assert (found.mean, found.tasks, found.runs) == (4, 2, 7)
    assert found.error == pytest.approx(math.sqrt(4 / 3) / 2)
    assert found.df == pytest.approx((4 / 3) ** 2 / ((1 / 3) ** 2 / 2 + 1 / 3))


def test_of_one_task_fixed_tasks_is_the_t_interval() -> None:
    """Half-width 4.302653 / sqrt(3)."""
    assert fixed_tasks(values([1, 2, 3])).interval() == pytest.approx((2 - 2.484138, 2 + 2.484138), rel=1e-6)
    assert math.isnan(fixed_tasks(values([1, 2, 3], [4])).error)


def test_over_tasks_is_t_over_the_task_means() -> None:
    """Means 1, 2, 3: half-width 4.302653 / sqrt(3), however many seeds a task has."""
    found = over_tasks(values([0.9, 1.1], [2.0] * 50, [2.9, 3.1]))
    assert found.mean == pytest.approx(2) and found.df == 2
    assert found.half() == pytest.approx(2.484138, rel=1e-6)


def test_over_tasks_is_never_surer_than_over_these_tasks() -> None:
    spread = values([-1, 0, 1], [-1.01, 0, 1.01])
    assert over_tasks(spread).error == fixed_tasks(spread).error > 0


def test_a_task_with_one_seed_does_not_hide_the_spread_of_the_others() -> None:
    """Variances 0.08 and 2 over 5 seeds, none of the third task: sqrt(0.016 + 0.4) / 3."""
    found = over_tasks(values([1, 1.4, 0.6, 1, 1], [1, 3, -1, 1, 1], [1]))
    assert (found.mean, found.error) == (pytest.approx(1), pytest.approx(math.sqrt(0.416) / 3))
    assert outcome(found) == "undecided"


def test_over_tasks_agrees_with_the_mixed_model() -> None:
    rng = np.random.default_rng(0)
    table = values(*(rng.normal(rng.normal(1, 2), 0.5, 5) for _ in range(6)))
    fit = MixedLM(table.to_numpy(), np.ones(len(table)), groups=table.index.codes[1]).fit(reml=True)
    found = over_tasks(table)
    assert found.mean == pytest.approx(fit.fe_params[0]) and found.error == pytest.approx(fit.bse_fe[0], rel=1e-3)


def test_one_task_or_no_value_has_no_interval_over_tasks() -> None:
    one, none = over_tasks(values([1, 2, 3])), over_tasks(values())
    assert one.mean == 2 and math.isnan(one.error) and outcome(one) == "undecided"
    assert math.isnan(none.mean) and outcome(none) == "undecided"


def test_failed_runs_are_no_values_and_tasks_keep_their_weight() -> None:
    assert fixed_tasks(values([1, math.nan, 1], [3, 3, 3])).mean == 2
    assert {name: task.mean for name, task in each_task(values([1, math.nan], [3])).items()} == {
        "digits, net0": 1,
        "digits, net1": 3,
    }


def known(mean: float, error: float, df: float = 7) -> Estimate:
    return Estimate(mean, error, df, 8, 40)


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        (0.6, 1.4, "better"),
        (-1.4, -0.6, "worse"),
        (-0.3, 0.3, "practically equal"),
        (0.08, 0.11, "practically equal"),
        (0.04, 0.06, "practically equal"),
        (0.4, 1.4, "undecided"),
        (-1.4, 0.4, "undecided"),
        (-1.0, 1.0, "undecided"),
    ],
)
def test_the_word_for_an_interval(low: float, high: float, word: str) -> None:
    assert outcome(known((low + high) / 2, (high - low) / 2 / 2.364624)) == word


def test_without_spread_the_mean_decides() -> None:
    assert [outcome(known(mean, 0.0)) for mean in (0.6, 0.5, 0.0, -0.6)] == [
        "better",
        "undecided",
        "practically equal",
        "worse",
    ]


def test_practically_equal_is_tost() -> None:
    """The p-value of statsmodels, and so its decision at 5 %."""
    own, other = np.array([1.0, 2.0, 2.5, 3.0]), np.array([1.2, 1.9, 2.8, 2.9])
    found = over_tasks(values(*([x] for x in own - other)))
    p = ttost_paired(own, other, -0.5, 0.5)[0]
    assert max(found.p_above(-0.5), found.p_below(0.5)) == pytest.approx(p)
    assert (outcome(found) == "practically equal") == (p <= 0.05)


def test_some_are_worse_is_corrected_and_all_are_better_is_not() -> None:
    """One-sided p 0.02: worse by itself, and not as one of two; Holm's 2 x 0.02 is above 0.025."""
    one = known(-0.5 - 2.517, 1.0)
    assert one.p_below(-0.5) == pytest.approx(0.02, abs=1e-4)
    assert outcome(one) == "worse" and outcomes([one, known(0, 1)]) == ["undecided", "undecided"]


def test_noninferior_is_shown_and_not_merely_observed() -> None:
    """One-sided at 5 %: t(7) = 1.894579."""
    assert noninferior(known(0.0, 0.5 / 1.9)) and not noninferior(known(0.0, 0.5 / 1.89))
    assert not noninferior(known(0.0, math.nan))


DESIGNS = {"alike": ([5] * 8, [0.5] * 8), "unequal": ([3, 5, 5, 20], [1.0, 0.3, 0.5, 0.8])}


@pytest.mark.slow
@pytest.mark.parametrize("design", DESIGNS)
def test_intervals_cover_what_they_say(design: str) -> None:
    """In 95 % of studies, at least 93 %: the mean over these tasks, and the mean over tasks like these."""
    seeds, deviations = DESIGNS[design]
    rng, studies = np.random.default_rng(1), 1000
    covered, index = np.zeros(2), values(*([0.0] * n for n in seeds)).index
    for _ in range(studies):
        effects = rng.normal(0, 1, len(seeds))
        table = pd.Series(rng.normal(np.repeat(effects, seeds), np.repeat(deviations, seeds)), index)
        for i, (found, truth) in enumerate([(fixed_tasks(table), effects.mean()), (over_tasks(table), 0.0)]):
            low, high = found.interval()
            covered[i] += low <= truth <= high
    assert min(covered) / studies >= 0.93
