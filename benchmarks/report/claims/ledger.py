"""How a judged claim is written down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from benchmarks.report.stats.evidence import Finding, Verdict
from benchmarks.report.text.sheets import escape_markdown
from benchmarks.report.text.words import number


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


def markdown(judged: Sequence[Claim]) -> str:
    """The verdicts first, then each claim with its operational form, rows, statistics and limits."""
    parts = ["# Claims\n", verdicts(judged).to_markdown(index=False) + "\n"]
    for claim in judged:
        parts.append(f"## {claim.number}. {claim.text} Verdict: {claim.verdict}\n")
        parts.append(f"Tested as: {escape_markdown(claim.form)}\n")
        parts.append(f"Rests on: {escape_markdown(claim.basis)}.\n")
        if claim.findings:
            cells = findings(claim.findings)
            cells["Statistic"] = cells["Statistic"].map(escape_markdown)
            parts.append(cells.to_markdown(index=False, disable_numparse=True) + "\n")
        parts += [f"{escape_markdown(note)}\n" for note in (*claim.notes, *limits(claim))]
    return "\n".join(parts)


def verdicts(judged: Sequence[Claim]) -> pd.DataFrame:
    """One line per claim, as text."""
    return pd.DataFrame({"Claim": [f"{c.number}. {c.text}" for c in judged], "Verdict": [c.verdict for c in judged]})


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
