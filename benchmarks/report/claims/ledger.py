"""How judged claims are written down."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from benchmarks.report.stats.evidence import Claim
from benchmarks.report.text.findings import LEGEND, findings
from benchmarks.report.text.sheets import escape_markdown


def markdown(judged: Sequence[Claim]) -> str:
    """The verdicts, one table with a line for each finding, and how each claim was tested."""
    parts = ["# Claims\n", verdicts(judged).map(escape_markdown).to_markdown(index=False) + "\n"]
    table = findings(judged)
    if len(table):
        table["Difference"] = table["Difference"].map(escape_markdown)
        parts += [table.to_markdown(index=False, disable_numparse=True) + "\n", f"{LEGEND}\n"]
    for claim in judged:
        parts.append(f"## {claim.number}. {claim.text}\n")
        parts.append(f"Tested as: {escape_markdown(claim.form)}\n")
        parts.append(f"Rests on: {escape_markdown(claim.basis)}.\n")
        parts += [f"{escape_markdown(note)}\n" for note in claim.notes]
    return "\n".join(parts)


def verdicts(judged: Sequence[Claim]) -> pd.DataFrame:
    """One line per claim, as text."""
    return pd.DataFrame(
        [
            {"Claim": f"{c.number}. {c.text}", "Verdict": c.verdict, "Because": c.reason or "all is shown"}
            for c in judged
        ]
    )
