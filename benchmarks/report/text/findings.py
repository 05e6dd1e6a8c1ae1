"""Findings and what limits them, in words."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from benchmarks.report.stats.evidence import Claim, Finding
from benchmarks.report.text.words import number


def findings(found: Sequence[Finding]) -> pd.DataFrame:
    """One line per finding, as text."""
    return pd.DataFrame(
        [
            {
                "Statistic": f"{f.name}, {f.unit}",
                "n": str(f.n),
                "Mean": number(f.mean, "+.2f"),
                "Interval": f"[{f.low:+.2f}, {f.high:+.2f}]" if f.n > 1 else "none",
                "Relevant from": f"{f.relevant:g}",
                "Detectable (80 % power)": number(f.detectable, ".2f"),
                "Verdict": f.verdict,
            }
            for f in found
        ]
    )


def limits(claim: Claim) -> list[str]:
    """Why an undecided claim is undecided: what these runs could have shown and what they could not."""
    if claim.verdict != "undecided":
        return []
    if not claim.findings:
        return ["Undecided: there are no rows to judge it by."]
    return [f"Undecided: {limit(f)}" for f in claim.findings if f.verdict == "undecided"]


def limit(found: Finding) -> str:
    """What n values of this spread could have shown."""
    if found.n < 2:
        return f"{found.name}: n={found.n}, no interval."
    return (
        f"{found.name}: with n={found.n} and this spread, the smallest mean that would have been shown with 80 % power "
        f"is {found.detectable:.2f} {found.unit}."
    )
