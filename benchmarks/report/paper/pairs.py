"""Numbers of the paper that compare two methods, paired by seed."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd

from benchmarks.report.stats.comparisons import matched_pairs, ranking
from benchmarks.report.stats.estimands import Estimate, fixed_tasks, holm, task_means
from benchmarks.report.stats.names import plain_names
from benchmarks.report.stats.summary import FREE, LEVEL, TASK, scored
from benchmarks.report.text.words import number, p_value
from benchmarks.schemas.target import Target


def plain(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows, with `plain_names` for their methods' labels."""
    known = plain_names(rows["method"].unique())
    targets = {str(Target.match(label)): str(Target.match(name)) for label, name in known.items()}
    return rows.assign(method=rows["method"].map(known), target=rows["target"].replace(targets))


def free_runs(rows: pd.DataFrame, examined: str) -> dict[str, str]:
    """Every other unconstrained method, minus the examined one: accuracy, and MACs kept.

    <key>.collapsed: how many of its runs collapsed, of how many; they are in none of these means.
    """
    runs, unconstrained = scored(rows), rows[rows["target"] == FREE]
    free = runs[runs["target"] == FREE]
    left_out = {
        f"free.{name}.collapsed": f"{count} of {len(own)}"
        for name, own in unconstrained[unconstrained["method"] != examined].groupby("method")
        if (count := (own["status"] == "collapsed").sum())
    }
    return left_out | {
        key: text
        for name, pairs in _pairs(free, free[free["method"] == examined])
        if name != examined
        for key, text in _both(f"free.{name}", pairs).items()
    }


def transfers(rows: pd.DataFrame) -> dict[str, str]:
    """Methods whose source is another network, minus every unconstrained method on this one.

    The key says `transfer` for one source network, `transfer2` for two in turn, and so on.
    """
    runs = scored(rows)
    sources = [Target.parse(target).sources for target in runs["target"]]
    elsewhere = zip(runs["network"], sources, strict=True)
    networks = pd.Series([0 if network in listed else len(listed) for network, listed in elsewhere], runs.index)
    free = runs[runs["target"] == FREE]
    found: dict[str, str] = {}
    for count, transferred in runs[networks > 0].groupby(networks):
        which = f"transfer{count if count > 1 else ''}"
        for other, own in free.groupby("method"):
            for name, pairs in _pairs(transferred, own):
                found |= _both(f"{which}.{name}.{other}", pairs)
    return found


def _pairs(runs: pd.DataFrame, own: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Each method, and its runs with those of `own` on the same dataset, network and seed."""
    both = runs.merge(own, on=[*TASK, "seed"], suffixes=("", "_own"), validate="many_to_one")
    for method, pairs in both.groupby("method"):
        yield str(method), pairs


def _both(key: str, pairs: pd.DataFrame) -> dict[str, str]:
    pairs = pairs.set_index(TASK)
    accuracy = 100 * (pairs["accuracy"] - pairs["accuracy_own"]).round(12)
    macs = 100 * (pairs["macs_kept"] - pairs["macs_kept_own"]).round(12)
    return values_of(key, fixed_tasks(accuracy)) | values_of(f"{key}.macs", fixed_tasks(macs))


def matched_runs(rows: pd.DataFrame, examined: str) -> dict[str, str]:
    """At each target: the examined method minus each other; the strongest and the weakest; the ranks."""
    pairs = _compared(rows, examined)
    values: dict[str, str] = {}
    for target, part in pairs[pairs["difference"].notna()].groupby("target"):
        at = f"at.{str(target).split(':')[0]}"
        for method, own in part.groupby("method"):
            values |= values_of(f"{at}.{method}", _lead(own))
        means = task_means(part, ["method"], ["difference"])["difference"].sort_values()
        for key, method in (("strongest", means.index[0]), ("weakest", means.index[-1])):
            values |= {f"{at}.{key}": str(method), **values_of(f"{at}.{key}", _lead(part[part["method"] == method]))}
        values |= _ranks(rows, str(target), examined, at)
    return values


def _compared(rows: pd.DataFrame, one: str) -> pd.DataFrame:
    """Pairs at fractions of the MACs and at its own size; the key of a number has no room for the sizes of others."""
    pairs = matched_pairs(rows, one)
    return pairs[pairs["target"].isin([t for t in set(pairs["target"]) if Target.parse(t).matched in (None, one)])]


def _lead(pairs: pd.DataFrame) -> Estimate:
    return fixed_tasks(100 * pairs.set_index(TASK)["difference"])


def _ranks(rows: pd.DataFrame, target: str, examined: str, at: str) -> dict[str, str]:
    ranked = ranking(rows, target, examined)
    table = ranked.table.set_index("method")["average_rank"]
    if not ranked.n or examined not in table:
        return {}
    values = {"own": number(table[examined], ".2f"), "best": number(table.min(), ".2f"), "first": str(table.index[0])}
    values |= {"of": str(len(table)), "n": str(ranked.n), "cd": number(ranked.critical_difference, ".2f")}
    values |= {"widest": str(len(table) - 1), "p": p_value(ranked.friedman_p)}
    return {f"{at}.rank.{key}": text for key, text in values.items()}


def against(rows: pd.DataFrame, one: str) -> dict[str, str]:
    """At each target, how many other methods there are, and how many have a higher mean accuracy than this one.

    above, below: of how many it is shown, after Holm's correction over the methods at the target.
    """
    pairs = _compared(rows, one).dropna(subset=["difference"])
    values: dict[str, str] = {}
    for target, part in pairs.groupby("target"):
        among = part["method"].nunique()
        found = [_lead(own.assign(difference=-own["difference"])) for _, own in part.groupby("method")]
        above, below = (holm(np.array(p)) for p in ([f.p_above(0) for f in found], [f.p_below(0) for f in found]))
        counts = {
            "": among,
            ".higher": sum(f.mean > 0 for f in found),
            ".above": (above <= (1 - LEVEL) / 2).sum(),
            ".below": (below <= (1 - LEVEL) / 2).sum(),
        }
        at = str(target).split(":")[0]
        values |= {f"{one.split(',')[0]}.rivals.{at}{key}": str(count) for key, count in counts.items()}
    return values


def values_of(key: str, found: Estimate) -> dict[str, str]:
    """What is known of a mean; see `numbers.numbers`."""
    values = {f"{key}.n": str(found.runs)}
    if found.runs:
        values[f"{key}.mean"] = f"{found.mean:+z.2f}"
    low, high = found.interval()
    if not math.isnan(low):
        values[f"{key}.interval"] = f"[{low:+z.2f}, {high:+z.2f}]"
        values[f"{key}.detectable"] = f"{found.detectable():.2f}"
        values[f"{key}.sign"] = "above" if low > 0 else "below" if high < 0 else "open"
    return values
