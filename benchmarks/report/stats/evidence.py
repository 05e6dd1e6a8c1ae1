"""What runs say of a claim: an interval, a verdict, and the effect that they could have detected."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

Verdict = Literal["holds", "fails", "undecided"]
LEVEL = 0.95
POWER = 0.8


@dataclass(frozen=True)
class Finding:
    """A mean with its t-interval, and whether it is as large as a claim needs.

    low, high and detectable are NaN where n < 2. detectable: the smallest true mean that n values of this spread would
    have shown to differ from zero with 80 % power.
    """

    name: str
    unit: str
    relevant: float
    n: int
    mean: float
    low: float
    high: float
    detectable: float

    @property
    def verdict(self) -> Verdict:
        """fails: the interval ends below the relevant size; holds: else, if it lies above zero; undecided: else."""
        if self.high < self.relevant:
            return "fails"
        return "holds" if self.low > 0 else "undecided"


@dataclass(frozen=True)
class Claim:
    """A claim, how it was made testable, the rows it rests on, and what they say."""

    number: int
    text: str
    form: str
    basis: str
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    verdict: Verdict


def finding(name: str, values: Iterable[float], unit: str, relevant: float, among: int = 1) -> Finding:
    """The mean of the values with its 95 % t-interval, in their unit.

    relevant: the smallest mean worth claiming. among: how many findings are judged together; the intervals then hold
    together (Bonferroni).
    """
    array = np.array([value for value in values if not math.isnan(value)])
    n = len(array)
    mean = float(array.mean()) if n else math.nan
    error = float(stats.sem(array)) if n > 1 else math.nan
    quantile = stats.t.ppf(1 - (1 - LEVEL) / 2 / among, n - 1)
    return Finding(
        name, unit, relevant, n, mean,
        low=mean - quantile * error,
        high=mean + quantile * error,
        # The usual approximation by the central t; from n = 10 on it is exact to 0.2 %.
        detectable=float((quantile + stats.t.ppf(POWER, n - 1)) * error),
    )  # fmt: skip


def overall(verdicts: Iterable[Verdict]) -> Verdict:
    """A claim holds if all its parts hold, fails if one fails, and is undecided otherwise, or without any part."""
    found = list(verdicts)
    if "fails" in found:
        return "fails"
    return "holds" if found and set(found) == {"holds"} else "undecided"
