"""How a judged claim is written down."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from benchmarks.report.stats.evidence import Claim
from benchmarks.report.text.findings import findings, limits
from benchmarks.report.text.sheets import escape_markdown


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
