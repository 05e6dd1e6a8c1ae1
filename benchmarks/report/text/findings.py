"""Findings in words: a line each, with what the study would have shown and what a decision would take."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from benchmarks.report.stats.estimands import Estimate
from benchmarks.report.stats.evidence import MOST, Claim, Finding
from benchmarks.report.text.words import NONE, number


def findings(judged: Sequence[Claim]) -> pd.DataFrame:
    """One line per finding of these claims, as text."""
    return pd.DataFrame(
        [
            {
                "Claim": str(claim.number),
                "Difference": f"{f.name}, {f.unit}",
                "Over tasks": interval(f.over),
                "Verdict": f.outcome,
                "After Holm": f.together or f.outcome,
                "Fixed tasks": interval(f.fixed),
                "For these tasks": f.outcome_here,
                "Without one task": _without(f),
                "Tasks, runs": f"{f.over.tasks}, {f.over.runs}",
                "Shown from": number(f.detectable, ".2f"),
                "Tasks needed": _needed(f),
            }
            for claim in judged
            for f in claim.findings
        ]
    )


LEGEND = (
    "Over tasks: mean and 95 % t-interval with tasks as the unit; the verdict is judged by it. After Holm: the same "
    "verdict corrected over the methods at one target. Fixed tasks: the same mean, with an interval for exactly these "
    "tasks. Without one task: the means over tasks when any one of them is left out; a star marks that the verdict "
    'then changes. "Shown from" is the smallest true mean that these tasks and seeds call better with 80 % power. '
    "Tasks needed: at which the interval about this mean would decide, with this spread."
)
"""What the columns of `findings` are."""


def interval(estimate: Estimate) -> str:
    """A mean with its 95 % t-interval, which is left out where there is none."""
    low, high = estimate.interval()
    mean = number(estimate.mean, "+z.2f")
    return mean if math.isnan(low) else f"{mean} [{low:+z.2f}, {high:+z.2f}]"


def _without(found: Finding) -> str:
    means = [one.mean for one in found.without.values()]
    changes = any(outcome != found.outcome for outcome in found.outcomes_without.values())
    return f"{min(means):+z.2f} to {max(means):+z.2f}{' *' * changes}" if means else NONE


def _needed(found: Finding) -> str:
    if found.outcome != "undecided" or math.isnan(found.needed):
        return NONE
    return f"more than {MOST}" if math.isinf(found.needed) else number(found.needed, ".0f")
