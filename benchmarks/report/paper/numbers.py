r"""Every number that the paper's prose holds, as LaTeX: \setval{<study>/<key>}{<text>}."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence

import pandas as pd

from benchmarks.report.paper.pairs import against, free_runs, matched_runs, transfers, values_of
from benchmarks.report.stats.estimands import fixed_tasks
from benchmarks.report.stats.evidence import OWN_SIZE, Claim
from benchmarks.report.stats.names import BASELINE, SUBJECT, subject
from benchmarks.report.stats.summary import FREE, TASK, scored
from benchmarks.report.text.latex import escape
from benchmarks.report.text.words import lines, number
from benchmarks.schemas.target import Target

CONTROLS = ("uniform", "random")
"""Methods without a criterion, which any criterion has to beat at target MACs."""
MINUS = r"(?<![\w-])-(?=\d)"
"""A sign, not a hyphen."""


def numbers(rows: pd.DataFrame, judged: Sequence[Claim]) -> dict[str, str]:
    """Key -> text, of rows whose methods have plain names (`pairs.plain`) and the claims as they judge them.

    A key whose rows are not there is left out; the paper says so in its place.

    Of each mean: <key>.n, .mean, .interval (95 %), .detectable (with 80 % power), and .sign, which is "above" or
    "below" where the interval leaves out 0 and "open" where it does not. Findings of claims are over tasks where there
    are several, all other means over fixed tasks.
    """
    examined = subject(rows)
    parts = (_study(rows), _knobs(rows), _claims(judged), _size(rows, examined), free_runs(rows, examined))
    compared = (matched_runs(rows, examined), *(against(rows, one) for one in (examined, *CONTROLS)), transfers(rows))
    return {key: text for part in (*parts, *compared) for key, text in part.items()}


def tex(values: dict[str, str]) -> str:
    r"""One \setval a line; texts are escaped."""
    return "".join(f"\\setval{{{key}}}{{{re.sub(MINUS, '$-$', escape(text))}}}\n" for key, text in values.items())


def literature(entries: pd.DataFrame) -> dict[str, str]:
    """How many published numbers (`published.read_published`) there are, and how many another source contradicts;
    dense.<dataset>.<network>: the accuracy of the dense network, %, by the first source that has it."""
    contradicted = (entries["contradicted"] != "").sum()
    counts = {"entries": len(entries), "sources": entries["source"].nunique(), "contradicted": contradicted}
    dense = entries[(entries["key"] == BASELINE) & (entries["method"] == BASELINE)]
    first = dense.drop_duplicates(["dataset", "network"])  # the papers that introduce a network stand first
    accuracies = {f"dense.{line.dataset}.{line.network}": f"{line.accuracy:g}" for line in lines(first)}
    return {key: str(count) for key, count in counts.items()} | accuracies


def _study(rows: pd.DataFrame) -> dict[str, str]:
    ok = rows["status"] == "ok"
    dense = rows[rows["method"] == BASELINE]
    epochs = sorted(set(dense[["epochs_pretrain", "epochs_learn", "epochs_finetune"]].sum(axis="columns")))
    values = {name: ", ".join(sorted(set(rows[name]))) for name in ("version", "torch", "device", "precision")}
    values |= {f"{name}s": ", ".join(rows[name].unique()) for name in (*TASK, "target")}
    values |= {
        "runs": str(len(rows)),
        "scored": str(ok.sum()),
        "methods": str(rows["method"].nunique()),
        "keys": str(rows["method"].str.split(",").str[0].nunique()),
        "tasks": str(len(rows[TASK].drop_duplicates())),
        "seeds": str(rows["seed"].nunique()),
        "epochs": " or ".join(f"{count:g}" for count in epochs),
        "logits": number(rows["logit_difference"].max(), ".1e"),
        "hours": number(rows[["seconds_pretrain", "seconds_learn", "seconds_finetune"]].sum().sum() / 3600, ".2g"),
    }
    failures = rows.loc[~ok, "status"].value_counts()
    for (dataset, network), own in dense[dense["status"] == "ok"].groupby(TASK):
        values[f"dense.{dataset}.{network}"] = f"{100 * own['test_accuracy'].mean():.1f}"
    values["failures"] = ", ".join(f"{count} {status}" for status, count in failures.items()) or "none"
    return {key: text for key, text in values.items() if text}


def _knobs(rows: pd.DataFrame) -> dict[str, str]:
    """The settings of the examined method itself, as its runs wrote them."""
    written = rows.loc[(rows["method"] == SUBJECT) & (rows["knobs"] != ""), "knobs"]
    return {f"knob.{knob}": f"{value}" for knob, value in json.loads(written.iloc[0]).items()} if len(written) else {}


def _claims(judged: Sequence[Claim]) -> dict[str, str]:
    values: dict[str, str] = {}
    for claim in judged:
        values |= {
            f"claim{claim.number}.verdict": claim.verdict,
            f"claim{claim.number}.reason": claim.reason,
            f"claim{claim.number}.text": claim.text.removesuffix("."),
        }
        for i, found in enumerate(claim.findings, 1):
            values |= values_of(f"claim{claim.number}.{i}", found.over if found.over.tasks > 1 else found.fixed)
            values |= {f"claim{claim.number}.{i}.word": found.outcome}
            if found.name.endswith(OWN_SIZE):
                values |= values_of(f"its_size.{found.name.split(' - ')[1].removesuffix(OWN_SIZE)}", found.fixed)
    return values


def _size(rows: pd.DataFrame, examined: str) -> dict[str, str]:
    """What the examined method's unconstrained runs remove, gain and cost, task by task; speed-up at target MACs."""
    runs = scored(rows)
    free = runs[(runs["method"] == examined) & (runs["target"] == FREE)]
    values = {}
    for (target, method), part in runs[runs["target"].map(_sets_fraction).astype(bool)].groupby(["target", "method"]):
        values[f"cost.{target}.{method}"] = number(part["cost"].mean(), ".2f")
        same = runs[runs["target"] == target]
        values[f"speedup.{target}"] = number(same["speedup_cpu"].median(), ".2f")
    if free.empty:
        return values
    means = free.groupby(TASK)[["difference", "macs_kept", "params_kept"]].mean()
    removed = (100 * (1 - means["macs_kept"])).sort_values()
    values |= {"gains": str((means["difference"] > 0).sum()), "cost": number(free["cost"].mean(), ".2f")}
    if removed.iloc[-1] - removed.iloc[0] >= 0.05:
        for key, i in (("least", 0), ("most", -1)):
            values |= {f"removed.{key}": f"{removed.iloc[i]:.1f}", f"removed.{key}.task": ", ".join(removed.index[i])}
    found = fixed_tasks(100 * (1 - free.set_index(TASK)["macs_kept"]))
    low, high = found.interval()
    values["removed"] = f"{found.mean:.1f}"
    values |= {} if math.isnan(low) else {"removed.interval": f"[{low:.1f}, {high:.1f}]"}
    values["removed.params"] = f"{100 * (1 - means['params_kept'].mean()):.1f}"
    return values


def _sets_fraction(target: str) -> bool:
    return Target.parse(target).fraction is not None
