"""Table: variants of one method, which differ in their knobs, each against the default."""

from __future__ import annotations

import pandas as pd

from benchmarks.report.stats.summary import TASK, summary
from benchmarks.report.stats.variants import variants
from benchmarks.report.text.sheets import Sheet, Tables
from benchmarks.report.text.words import between, failed, lines, number, one_line, p_value


def ablation(rows: pd.DataFrame) -> Tables:
    """The variants of each method against its default, a sheet per method and task."""
    table, lost = variants(rows), failed(summary(rows))
    sheets = [
        Sheet(one_line(f"{dataset}, {network}: variants of {base}"), _cells(part), f"{_caption(str(base))} {lost}")
        for (base, dataset, network), part in table.groupby(["base", *TASK], sort=False)
    ]
    return Tables(table, sheets, absent="No method ran with its default knobs and with others.")


def _cells(part: pd.DataFrame) -> pd.DataFrame:
    cells = [
        {
            "Knobs": one_line(line.knobs),
            "Target": one_line(line.target),
            "n": str(line.pairs),
            "Accuracy, %": number(100 * line.accuracy, ".2f"),
            "Difference, points": between(line.difference, line.difference_half),
            "Effect size": number(line.effect_size, "+z.2f"),
            "p, Holm": p_value(line.p_holm),
            "MACs kept, %": number(100 * line.macs_kept, ".1f"),
            "MACs, points": number(100 * line.macs_difference, "+z.1f"),
        }
        for line in lines(part.sort_values(["target", "difference"]))
    ]
    return pd.DataFrame(cells)


def _caption(base: str) -> str:
    return (
        f"Difference: test accuracy of the variant minus that of {one_line(base)} with its default knobs, paired by "
        "seed (n pairs), with its 95 % t-interval. Effect size: Cohen's d_z. p: paired t-test after Holm's correction "
        "over the variants at one target. MACs, points: MACs kept minus the default's."
    )
