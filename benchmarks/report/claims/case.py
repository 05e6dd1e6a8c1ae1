"""What all claims are judged from: the examined method, its unconstrained runs, and what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from benchmarks.report.claims import gates
from benchmarks.report.stats.estimands import RELEVANT
from benchmarks.report.stats.evidence import Finding, finding
from benchmarks.report.stats.names import BASELINE, NULLS, subject, with_knob
from benchmarks.report.stats.summary import FREE, TASK, scored

POINTS = "points of test accuracy"
SHARE = "% of the dense MACs"
REMOVED = 1.0
"""Smallest share of the dense MACs worth removing, percent."""


@dataclass(frozen=True)
class Case:
    """The rows of a study, seen from the examined method. runs: the scored ones; free: its own unconstrained ones."""

    rows: pd.DataFrame
    examined: str
    runs: pd.DataFrame
    free: pd.DataFrame

    @classmethod
    def of(cls, rows: pd.DataFrame) -> Case:
        examined = subject(rows)
        runs = scored(rows)
        return cls(rows, examined, runs, runs[(runs["method"] == examined) & (runs["target"] == FREE)])

    @property
    def broken(self) -> str:
        """Which of its unconstrained runs failed."""
        return gates.broken(self.rows, self.examined, FREE)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of any claim should know of these rows."""
        own = self.rows[(self.rows["method"] == self.examined) & (self.rows["target"] != FREE)]
        targets = ", ".join(sorted(set(own["target"])))
        return (f"Runs at target MACs ({targets}) do not count by themselves.",) if targets else ()

    def gaps(self, *others: str) -> list[str]:
        """What is missing of the study, of its own unconstrained runs, and of those of other methods."""
        return gates.absent(self.rows) + [
            gap for one in (self.examined, *others) for gap in gates.gaps(self.rows, one, FREE)
        ]

    def at(self, target: str) -> list[str]:
        """The other methods that are planned at a target; variants of the examined one are no others at `free`."""
        methods = set(self.rows.loc[self.rows["target"] == target, "method"]) - {self.examined, BASELINE}
        own = self.examined.split(",")[0]
        return sorted(m for m in methods if target != FREE or m.split(",")[0] != own)

    def nulls(self) -> dict[str, str | None]:
        """Per null the label of its runs, or None."""
        labels = self.rows.loc[self.rows["target"] == FREE, "method"]
        return {knob: with_knob(self.examined, knob, labels) for knob in NULLS}

    def against_dense(self) -> Finding:
        """Its accuracy minus the dense network's."""
        name = f"{self.examined} - {BASELINE}"
        return finding(name, 100 * self.free.set_index(TASK)["difference"], POINTS, RELEVANT)

    def basis(self, values: pd.Series, runs: pd.DataFrame, which: str = "") -> str:
        """How many runs have a value, and on which tasks."""
        used = runs[values.notna()]
        tasks = used[TASK].drop_duplicates().itertuples(index=False)
        where = "; ".join(f"{dataset}, {network}" for dataset, network in tasks)
        return f"{len(used)} run{'s' * (len(used) != 1)} {which}".rstrip() + (f" ({where})" if where else "")


def equal_or_worse(findings: Sequence[Finding]) -> list[str]:
    """The findings that refute "better", after Holm's correction over their family."""
    words = [(found.name, found.together or found.outcome) for found in findings]
    return [f"{name}: {word} over tasks" for name, word in words if word in ("worse", "practically equal")]


def not_ruled_out(findings: Sequence[Finding]) -> list[str]:
    """The findings and tasks on which a loss of the smallest relevant size is still possible."""
    lost = f"a loss of {RELEVANT} points is not ruled out on"
    return [f"{found.name}: {lost} {found.unshown}" for found in findings if found.unshown]
