"""What runs say of a claim: differences with their words, and the verdict that follows from them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import pandas as pd
from scipy import stats

from benchmarks.report.stats.estimands import (
    Estimate,
    Outcome,
    each_task,
    fixed_tasks,
    noninferior,
    outcome,
    outcomes,
    over_tasks,
)
from benchmarks.report.stats.summary import LEVEL

Verdict = Literal["holds", "fails", "undecided", "not judged", "not testable"]
"""Of a claim. not judged: the runs that it needs are not all there; not testable: they cannot show it."""
OWN_SIZE = " at its size"
"""How the name of a finding ends that compares with a method at the MACs which that method chooses."""
MOST = 1000
"""Tasks up to which it is computed how many a decision takes."""


@dataclass(frozen=True)
class Finding:
    """A mean difference. It is judged over tasks, and shown for fixed tasks too; see `estimands`.

    relevant: the smallest size that matters, in the unit. tasks: the difference on each task. without: over tasks, with
    one task left out. together: the word after Holm's correction over the family that the finding belongs to.
    """

    name: str
    unit: str
    relevant: float
    over: Estimate
    fixed: Estimate
    tasks: Mapping[str, Estimate] = field(default_factory=dict)
    without: Mapping[str, Estimate] = field(default_factory=dict)
    together: Outcome | None = None

    @property
    def outcome(self) -> Outcome:
        """The word for the mean over tasks, judged by itself."""
        return outcome(self.over, self.relevant)

    @property
    def outcome_here(self) -> Outcome:
        """The word for the mean over exactly these tasks."""
        return outcome(self.fixed, self.relevant)

    @property
    def unshown(self) -> str:
        """The tasks on which it is not shown that less than the smallest relevant size is lost; empty if on all."""
        return "; ".join(task for task, one in self.tasks.items() if not noninferior(one, self.relevant))

    @property
    def outcomes_without(self) -> dict[str, Outcome]:
        """The word for the mean over tasks, with each task left out in turn."""
        return {task: outcome(one, self.relevant) for task, one in self.without.items()}

    @property
    def detectable(self) -> float:
        """The smallest true mean that a study of this size and spread calls better, with 80 % power."""
        return self.relevant + self.over.detectable()

    @property
    def needed(self) -> float:
        """Tasks of this spread at which the 95 % interval about this mean would decide; NaN where unknown."""
        if math.isnan(self.over.error):
            return math.nan
        distance = min(abs(self.over.mean - self.relevant), abs(self.over.mean + self.relevant))
        spent = self.over.tasks - self.over.df  # degrees of freedom: one of a mean, three of a plane
        n = np.arange(spent + 1, MOST + 1)
        half = stats.t.ppf((1 + LEVEL) / 2, n - spent) * self.over.error * np.sqrt(self.over.tasks / n)
        enough = n[half < distance]
        return float(enough[0]) if len(enough) else math.inf


@dataclass(frozen=True)
class Claim:
    """A claim, how it was made testable, the rows it rests on, what they say, and why the verdict is what it is."""

    number: int
    text: str
    form: str
    basis: str
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    verdict: Verdict
    reason: str


def finding(name: str, values: pd.Series, unit: str, relevant: float) -> Finding:
    """The mean of the values, which are indexed by task, one a run, in their unit."""
    values = values.dropna()
    tasks = each_task(values)
    places = dict.fromkeys(values.index) if len(tasks) > 2 else ()
    left = {", ".join(map(str, place)): over_tasks(values[values.index != place]) for place in places}
    return Finding(name, unit, relevant, over_tasks(values), fixed_tasks(values), tasks, left)


def family(findings: Sequence[Finding]) -> list[Finding]:
    """The findings, each with its word after Holm's correction over all of them."""
    if not findings:
        return []
    words = outcomes([found.over for found in findings], findings[0].relevant)
    return [replace(found, together=word) for found, word in zip(findings, words, strict=True)]


def lost(findings: Sequence[Finding]) -> list[str]:
    """The findings and tasks on which it is shown to be worse, after Holm's correction over all of them together."""
    places = [(found, task) for found in findings for task in found.tasks]
    if not places:
        return []
    words = outcomes([found.tasks[task] for found, task in places], findings[0].relevant)
    return [f"{found.name}: worse on {task}" for (found, task), w in zip(places, words, strict=True) if w == "worse"]


def concluded(broken: str, gaps: Sequence[str], against: Sequence[str], doubts: Sequence[str]) -> tuple[Verdict, str]:
    """The verdict, and the reasons for it.

    broken: a run that refutes the claim by itself; gaps: what is missing to judge it; against: what refutes it; doubts:
    what is not shown. A reason that several methods share is said once.
    """
    found: list[tuple[Verdict, Sequence[str]]] = [
        ("fails", [broken] if broken else []),
        ("not judged", gaps),
        ("fails", against),
        ("undecided", doubts),
    ]
    return next(((verdict, "; ".join(dict.fromkeys(reasons))) for verdict, reasons in found if reasons), ("holds", ""))
