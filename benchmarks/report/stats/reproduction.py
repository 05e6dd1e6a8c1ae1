"""An own study against the published one: which cells agree, whether all moved, and which rows are bit-identical."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from benchmarks.report.stats.estimands import RELEVANT, fixed_tasks, holm
from benchmarks.report.stats.summary import CELL, LEVEL, TASK, half_width
from benchmarks.schemas.rows import TIME_COLUMNS, release

MARGIN = RELEVANT
"""Difference of mean test accuracy that still counts as the same, percentage points."""
ALPHA = 1 - LEVEL
HASHES = ["code_hash", "config_hash"]
LASTING = ("status", "test_accuracy", "test_loss", "validation_accuracy", "params", "macs", "train_macs", "widths")
"""What two runs of one code and config share to the bit on one machine."""
assert not set(LASTING) & set(TIME_COLUMNS)
COUNTED = ("same_hashes", "identical", "failed", "failed_published", "other_status")
VERDICTS = {
    "identical": "every shared row is the same to the bit",
    "agrees": f"within {MARGIN} points: two one-sided t-tests (TOST) at 5 %",
    "differs": "a seed failed on one side alone or in another way; or a paired t-test at 5 % after Holm's correction"
    " over all cells, and not within the margin",
    "undecided": "neither is shown: too few seeds, or too wide a spread",
    "not comparable": "no seed has a score on both sides",
}


@dataclass(frozen=True)
class Comparison:
    """cells: a line per cell, see `compare`. shift: `_paired` over all cells. versions: own and published."""

    cells: pd.DataFrame
    shift: dict[str, Any]
    versions: tuple[str, str]

    @property
    def shifted(self) -> bool:
        """Whether the mean over all cells has moved: its 95 % interval leaves out 0."""
        return bool(self.shift["low"] > 0 or self.shift["high"] < 0)

    @property
    def outcome(self) -> str:
        """reproduced: every cell of either side is identical or agrees, and all together have not moved.

        Where none differs, one cell that is undecided or not comparable makes it undecided.
        """
        found = set(self.cells["verdict"])
        if self.versions[0] != self.versions[1]:
            return "not comparable"
        if "differs" in found or self.shifted:
            return "not reproduced"
        return "reproduced" if found <= {"identical", "agrees"} else "undecided"


def compare(own: pd.DataFrame, published: pd.DataFrame) -> Comparison:
    """One line per cell of either side: means and differences in percentage points of test accuracy, own - published.

    n, n_published: scored seeds; pairs: seeds scored on both sides, over which difference, its 95 % t-interval (low,
    high), p (paired t-test), p_holm and p_tost (equivalence within MARGIN) are taken. inside: whether the published
    mean lies in the 95 % t-interval of the own mean. rows: seeds with a row on both sides; same_hashes: those of them
    with the same code and config hash; identical: those with the same results to the bit; failed, failed_published:
    those without a score on that side alone; other_status: these and those of unequal status. verdict: see VERDICTS.
    The shift is the mean difference over all cells; its unit is a task and seed, whose cells share their luck.
    """
    key = [*CELL, "seed"]
    rows = own.merge(published, on=key, how="outer", suffixes=("", "_published"), indicator="side", validate="1:1")
    rows["a"] = 100 * rows["test_accuracy"].where(rows["status"] == "ok")
    rows["b"] = 100 * rows["test_accuracy_published"].where(rows["status_published"] == "ok")
    both = rows["side"] == "both"
    rows["same_hashes"] = both & _equal(rows, HASHES)
    rows["identical"] = both & _equal(rows, LASTING)
    lost, lost_published = rows["a"].isna(), rows["b"].isna()
    rows["failed"] = both & lost & ~lost_published
    rows["failed_published"] = both & lost_published & ~lost
    rows["other_status"] = both & ((lost != lost_published) | (rows["status"] != rows["status_published"]))
    cells = [dict(zip(CELL, cell, strict=True)) | _cell(part) for cell, part in rows.groupby(CELL, sort=False)]
    table = pd.DataFrame(cells)
    table["p_holm"] = holm(table["p"].to_numpy())
    table["verdict"] = [_verdict(line) for line in table.itertuples()]
    difference = (rows["a"] - rows["b"]).groupby([rows[name] for name in (*TASK, "seed")]).mean()
    return Comparison(
        table.sort_values([*TASK, "target", "method"], ignore_index=True),
        _paired(difference),
        (release(own["version"].iloc[0]), release(published["version"].iloc[0])),
    )


def _equal(rows: pd.DataFrame, columns: Any) -> pd.Series:
    pairs = [(rows[name], rows[f"{name}_published"]) for name in columns]
    return pd.concat([(a == b) | (a.isna() & b.isna()) for a, b in pairs], axis=1).all(axis=1)


def _cell(part: pd.DataFrame) -> dict[str, Any]:
    a, b = part["a"].dropna(), part["b"].dropna()
    half = float(half_width(pd.Series([a.sem()]), pd.Series([len(a)]))[0])
    mean, published = a.mean(), b.mean()
    return {
        "n": len(a), "n_published": len(b), "mean": mean, "half": half, "published": published,
        "inside": bool(abs(published - mean) <= half) if len(a) > 1 and len(b) else None,
        **_paired(part["a"] - part["b"]),
        "rows": int((part["side"] == "both").sum()),
        **{name: int(part[name].sum()) for name in COUNTED},
    }  # fmt: skip


def _paired(differences: pd.Series) -> dict[str, Any]:
    """The mean difference with its interval, and the p-values of "there is one" and of "it is within the margin"."""
    found = fixed_tasks(differences.dropna().round(9).set_axis([0] * differences.count()))
    low, high = found.interval()
    p, p_tost = found.p_zero(), found.p_equal(MARGIN)
    return {"pairs": found.runs, "difference": found.mean, "low": low, "high": high, "p": p, "p_tost": p_tost}


def _verdict(line: Any) -> str:
    if line.rows and line.identical == line.rows:
        return "identical"
    if line.other_status:
        return "differs"
    if not line.pairs:
        return "not comparable"
    if line.p_tost < ALPHA:
        return "agrees"
    return "differs" if line.p_holm < ALPHA else "undecided"
