"""Do methods rank here as they do in the literature? Rank correlations with the published differences to dense."""

from __future__ import annotations

import pandas as pd
from scipy.stats import spearmanr

from benchmarks.report.stats.names import BASELINE
from benchmarks.report.stats.summary import TASK, summary
from benchmarks.report.text.sheets import Sheet
from benchmarks.report.text.words import lines, number
from benchmarks.schemas.target import is_constrained

LEAST = 8
"""Methods in common; with fewer, hardly any order differs from chance, and the t approximation of p is poor."""
NEAR = 5.0
"""Percentage points of MACs removed within which a published entry counts as of the same size."""
_THEIRS = ["source", "dataset_published", "network_published"]
_CAPTION = (
    "Spearman's rank correlation between the published differences to dense and those measured here, over the methods "
    "in common, with default knobs, at MACs removed that differ by at most {near:.0f} points: 1 is the same order, 0 "
    "none, -1 the reverse. Several settings of a published method count with their mean. p: two-sided, from Student's "
    "t, not corrected for the number of lines. Higher and lower here: the two methods whose ranks rise and fall most, "
    "with both ranks (published, here; 1 is best)."
)


def orders(rows: pd.DataFrame, published: pd.DataFrame) -> list[Sheet]:
    """The sheet of all orders that can be compared, one line for each task here and each network of a source, or none.

    published: see `tables.published.read_published`.
    """
    own = summary(rows).query("n > 0")
    own = own[own["target"].map(is_constrained).astype(bool)].assign(
        removed=lambda table: 100 * (1 - table["macs_kept"])
    )
    entries = published[published["delta"].notna() & ~published["key"].isin(["", BASELINE])]
    pairs = own.merge(entries, left_on="method", right_on="key", suffixes=("", "_published"))
    pairs = pairs[(pairs["removed"] - pairs["macs_removed"]).abs() <= NEAR]
    groups = pairs.groupby([*TASK, "target", *_THEIRS], sort=False)
    found = [
        dict(zip(groups.keys, group, strict=True)) | _agreement(part.groupby("method")[["delta", "difference"]].mean())
        for group, part in groups
        if part["method"].nunique() >= LEAST
    ]
    title = "Order of the methods: published and measured"
    return [Sheet(title, _cells(pd.DataFrame(found)), _CAPTION.format(near=NEAR), 5)] if found else []


def _agreement(methods: pd.DataFrame) -> dict[str, object]:
    ranks = methods.rank(ascending=False)
    rho, p = spearmanr(ranks["delta"], ranks["difference"])
    risen = (ranks["delta"] - ranks["difference"]).sort_values(ascending=False, kind="stable")

    def named(some: pd.Series) -> str:
        return ", ".join(
            f"{name} ({ranks.at[name, 'delta']:g}, {ranks.at[name, 'difference']:g})" for name in some.index
        )

    higher, lower = risen[risen > 0].head(2), risen[risen < 0].tail(2)[::-1]
    return {"methods": len(methods), "rho": rho, "p": p, "higher": named(higher), "lower": named(lower)}


def _cells(table: pd.DataFrame) -> pd.DataFrame:
    cells = [
        {
            "Task": f"{line.dataset}, {line.network}, {line.target}",
            "Published": f"{line.dataset_published}, {line.network_published}",
            "Source": line.source,
            "Higher here": line.higher,
            "Lower here": line.lower,
            "Methods": str(line.methods),
            "Rank correlation": number(line.rho, "+z.2f"),
            "p": number(line.p, ".3f"),
        }
        for line in lines(table)
    ]
    return pd.DataFrame(cells)
