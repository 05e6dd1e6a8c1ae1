r"""Every number that the paper's prose holds, as LaTeX: \setval{<key>}{<text>}."""

from __future__ import annotations

import json
import re

import pandas as pd

from benchmarks.report.ablation import variant_pairs
from benchmarks.report.claims import claims
from benchmarks.report.comparisons import SUBJECT, matched_pairs, ranking, subject
from benchmarks.report.display import number, p_value
from benchmarks.report.evidence import Finding, finding
from benchmarks.report.latex import escape
from benchmarks.report.statistics import BASELINE, BLOCK

MINUS = r"(?<![\w-])-(?=\d)"
"""A sign, not a hyphen."""


def numbers(rows: pd.DataFrame) -> dict[str, str]:
    """Key -> text. A key whose rows are not there is left out; the paper says so in its place."""
    examined = subject(rows) or SUBJECT
    return {
        key: text
        for part in (_study(rows), _knobs(rows, examined), _claims(rows), _rivals(rows, examined), _variants(rows))
        for key, text in part.items()
    }


def tex(values: dict[str, str]) -> str:
    r"""One \setval a line; texts are escaped."""
    return "".join(f"\\setval{{{key}}}{{{re.sub(MINUS, '$-$', escape(text))}}}\n" for key, text in values.items())


def _study(rows: pd.DataFrame) -> dict[str, str]:
    ok = rows["status"] == "ok"
    dense = rows[rows["method"] == BASELINE]
    epochs = dense[["epochs_pretrain", "epochs_learn", "epochs_finetune"]].sum(axis="columns")
    told = {
        "study": ", ".join(sorted(set(rows["study"]))),
        "runs": str(len(rows)),
        "scored": str(ok.sum()),
        "methods": str(rows["method"].nunique()),
        "panels": str(len(rows[BLOCK].drop_duplicates())),
        "seeds": str(rows["seed"].nunique()),
        "epochs": f"{epochs.max():g}" if len(epochs) else "",
        "datasets": ", ".join(rows["dataset"].unique()),
        "networks": ", ".join(rows["network"].unique()),
        "targets": ", ".join(sorted(set(rows["target"]))),
        "version": ", ".join(sorted(set(rows["version"]))),
        "torch": ", ".join(sorted(set(rows["torch"]))),
        "device": ", ".join(sorted(set(rows["device"]))),
        "logits": number(rows["logit_difference"].max(), ".1e"),
        "hours": number(rows[["seconds_learn", "seconds_finetune"]].sum().sum() / 3600, ".2g"),
    }
    failures = rows.loc[~ok, "status"].value_counts()
    told["failures"] = ", ".join(f"{count} {status}" for status, count in failures.items()) or "none"
    return {key: text for key, text in told.items() if text}


def _knobs(rows: pd.DataFrame, examined: str) -> dict[str, str]:
    """The examined method's settings, as its runs wrote them."""
    written = rows.loc[(rows["method"] == examined) & (rows["knobs"] != ""), "knobs"]
    return {f"knob.{knob}": f"{value}" for knob, value in json.loads(written.iloc[0]).items()} if len(written) else {}


def _claims(rows: pd.DataFrame) -> dict[str, str]:
    told: dict[str, str] = {}
    for claim in claims(rows):
        told[f"claim{claim.number}.verdict"] = claim.verdict
        told[f"claim{claim.number}.text"] = claim.text.removesuffix(".")
        for i, found in enumerate(claim.findings, 1):
            told |= _finding(f"claim{claim.number}.{i}", found)
    return told


def _rivals(rows: pd.DataFrame, examined: str) -> dict[str, str]:
    pairs = matched_pairs(rows, examined)
    pairs = pairs[pairs["target"] == f"match:{examined}"]
    if pairs.empty:
        return {}
    means = pairs.groupby("method")["difference"].mean().sort_values()
    ranked = ranking(rows, f"match:{examined}", examined)
    told = {"rivals": str(len(means)), "rivals.beaten": str((means > 0).sum())}
    for key, method in (("strongest", means.index[0]), ("weakest", means.index[-1])):
        difference = 100 * pairs.loc[pairs["method"] == method, "difference"]
        told |= {f"{key}.method": str(method), **_finding(key, finding("", difference, "points", 0))}
    own = ranked.table.loc[ranked.table["method"] == examined, "average_rank"]
    if len(own) and own.notna().all():
        told |= {"rank": number(own.item(), ".2f"), "rank.best": number(ranked.table["average_rank"].min(), ".2f")}
        told |= {"rank.of": str(len(ranked.table)), "rank.n": str(ranked.n), "rank.p": p_value(ranked.friedman_p)}
        told |= {
            "rank.cd": number(ranked.critical_difference, ".2f"),
            "rank.first": str(ranked.table["method"].iloc[0]),
        }
    return told


def _variants(rows: pd.DataFrame) -> dict[str, str]:
    pairs = variant_pairs(rows)
    told = {"variants": str(pairs["method"].nunique())} if len(pairs) else {}
    for (method, target), part in pairs.groupby(["method", "target"]):
        told |= _finding(f"variant.{method}.{target}", finding("", 100 * part["difference"], "points", 0))
    return told


def _finding(key: str, found: Finding) -> dict[str, str]:
    told = {f"{key}.n": str(found.n)}
    if found.n:
        told[f"{key}.mean"] = f"{found.mean:+.2f}"
    if found.n > 1:
        told[f"{key}.interval"] = f"[{found.low:+.2f}, {found.high:+.2f}]"
        told[f"{key}.detectable"] = f"{found.detectable:.2f}"
    return told
