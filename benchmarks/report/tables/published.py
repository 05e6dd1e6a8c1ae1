"""Numbers from the literature, all in percent, and those measured here."""

from __future__ import annotations

from dataclasses import replace
from os import PathLike

import pandas as pd

from benchmarks.report.stats.names import BASELINE
from benchmarks.report.stats.rows import without_study
from benchmarks.report.stats.summary import CELL, TASK, scored, summary
from benchmarks.report.tables.orders import orders
from benchmarks.report.text.sheets import Sheet, Tables
from benchmarks.report.text.words import between, lines, number, one_line

NUMBERS = ("baseline_accuracy", "accuracy", "delta", "params_removed", "macs_removed", "runs", "std", "epochs")
NAMES = ("dataset", "network", "key", "method", "setting", "source", "macs_convention")
SAME_ACCURACY = 0.05  # percentage points: as far apart as rounding to one digit puts two prints of one number
SAME_MACS = 1.0  # percentage points: as far apart as two counters put one network


def read_published(path: str | PathLike[str]) -> pd.DataFrame:
    """The published entries, with `contradicted`: the sources that print other numbers of the same result.

    Raises ValueError, naming the file, if it cannot be read.

    key: the method here that the entry is of, if any. delta: accuracy minus the baseline that the same source gives,
    NaN where it gives none. Accuracies of different sources do not compare, since their baselines differ; deltas may.
    epochs: of all training, NaN where they were not collected.
    """
    empty = {name: [""] for name in NUMBERS}
    try:
        table = pd.read_csv(path, keep_default_na=False, na_values=empty, encoding="utf-8")
    except ValueError as error:  # of pandas; it names no file
        raise ValueError(f"{path} is no table of published numbers: {error}") from None
    if missing := [name for name in (*NAMES, *NUMBERS) if name not in table]:
        raise ValueError(f"{path} lacks columns: {', '.join(missing)}")
    if wrong := [name for name in NUMBERS if not pd.api.types.is_numeric_dtype(table[name])]:
        raise ValueError(f"{path}: columns {', '.join(wrong)} must hold numbers")
    return table.assign(contradicted=contradictions(table))


def contradictions(table: pd.DataFrame) -> pd.Series:
    """Per entry, the other sources that agree with it in one of accuracy and MACs removed and not in the other.

    Entries that agree in both with some entry of the other's source are taken for different settings.
    """
    key = ["dataset", "network", "key"]
    entries = table[(table["key"] != "") & (table["key"] != BASELINE)].reset_index(names="entry")
    entries = entries[["entry", *key, "source", "accuracy", "macs_removed"]]
    pairs = entries.merge(entries, on=key, suffixes=("", "_other"))
    pairs = pairs[pairs["source"] != pairs["source_other"]].dropna()
    accuracy = (pairs["accuracy"] - pairs["accuracy_other"]).abs() <= SAME_ACCURACY
    macs = (pairs["macs_removed"] - pairs["macs_removed_other"]).abs() <= SAME_MACS
    agreed = accuracy & macs
    settled = agreed.groupby([pairs["entry"], pairs["source_other"]]).transform("any")
    settled |= agreed.groupby([pairs["entry_other"], pairs["source"]]).transform("any")
    clash = pairs[(accuracy | macs) & ~settled]
    named = clash.groupby("entry")["source_other"].agg(lambda sources: "; ".join(sorted(set(sources))))
    return named.reindex(table.index).fillna("")


def nearest(rows: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """The published entries of this study's tasks, each with the mean of the method's cell nearest in MACs removed.

    Measured columns are NaN where the method did not run; its own dense accuracy is measured_dense. All in percent,
    but for epochs.
    """
    table = summary(rows).join(_epochs(rows), on=CELL)
    table = table[table["n"] > 0].assign(task=_task(table), removed=100 * (1 - table["macs_kept"]))
    entries = published.assign(task=_task(published)).reset_index(names="entry")
    entries = entries[entries["task"].isin(set(table["task"]))]
    shown = ["n", "accuracy", "difference", "difference_half", "removed", "epochs"]
    measured = table[["task", "method", "target", *shown]]
    measured = measured.assign(key=measured["method"].str.extract(r"^([^,]*)")[0], here=measured["method"])
    cells = entries.merge(measured.drop(columns="method"), on=["task", "key"], how="left", suffixes=("", "_measured"))
    distance = (cells["removed"] - cells["macs_removed"].fillna(0)).abs().fillna(0)
    closest = cells.assign(distance=distance).sort_values(["entry", "distance"], kind="stable")
    closest = closest.drop_duplicates("entry").drop(columns=["entry", "distance"])
    dense = table[table["method"] == BASELINE].groupby("task")["accuracy"].first().rename("measured_dense")
    return closest.join(100 * dense, on="task").assign(accuracy_measured=100 * closest["accuracy_measured"])


def published(rows: pd.DataFrame, entries: pd.DataFrame) -> Tables:
    """What papers print (`read_published`) and what was measured here: a sheet per task of both, and all orders."""
    table = nearest(rows, entries)
    tasks = table[table["here"].notna()].groupby("task", sort=False)
    sheets = [_sheet(part) for _, part in tasks] + orders(rows, entries)
    if unknown := _unknown(rows, entries):
        sheets[:1] = [replace(sheet, caption=f"{sheet.caption} {unknown}") for sheet in sheets[:1]]
    absent = unknown or "No published number is of a method of this study."
    return Tables(table.drop(columns="task"), sheets, absent)


def _epochs(rows: pd.DataFrame) -> pd.Series:
    """Per cell, the mean of all epochs that its networks were trained for."""
    spent = ["epochs_pretrain", "epochs_learn", "epochs_finetune"]
    return scored(rows).assign(epochs=lambda runs: runs[spent].sum(axis="columns")).groupby(CELL)["epochs"].mean()


def _unknown(rows: pd.DataFrame, entries: pd.DataFrame) -> str:
    """A sentence that names the tasks without a published accuracy; empty if there are none."""
    tasks = rows[TASK].assign(dataset=without_study(rows["dataset"])).drop_duplicates()
    tasks = tasks[~_task(tasks).isin(_task(entries[entries["accuracy"].notna()]))]
    names = [one_line(f"{line.network} on {line.dataset}") for line in lines(tasks)]
    return f"No published accuracy was found for {', '.join(names)}." if names else ""


def _sheet(part: pd.DataFrame) -> Sheet:
    sources = list(dict.fromkeys(part["source"]))
    counted = part.groupby("source")["macs_convention"].agg(lambda texts: next(filter(None, texts), "none printed"))
    listed = " ".join(f"[{i}] {source} (MACs: {counted[source]})." for i, source in enumerate(sources, 1))
    title = f"{part['dataset'].iloc[0]}, {part['network'].iloc[0]}: published and measured"
    epochs = part["epochs_measured"].dropna()
    trained = " to ".join(dict.fromkeys(f"{count:g}" for count in (epochs.min(), epochs.max())))
    return Sheet(one_line(title), _cells(part, sources), f"{_CAPTION.format(trained=trained)} Sources: {listed}")


_CAPTION = (
    "Published: accuracy, its difference to the baseline of the same source, and MACs removed, as printed; "
    "counters and recipes differ between sources, and the CSV has their notes. Measured: mean over n "
    "seeds of the method's cell nearest in MACs removed, with the 95 % t-interval of its difference to dense. "
    "The measured networks were trained for {trained} epochs, and reproduce no published run. Published epochs: of all "
    "training, – where they were not collected. "
    "Compare differences, not accuracies: baselines differ. Contradicted: another source prints other numbers."
)


def _task(table: pd.DataFrame) -> pd.Series:
    """Dataset and network by letters and digits alone: "CIFAR-10", "VGG-16-BN" and cifar10, vgg16_bn are one.

    So are the datasets that a collection names after their studies.
    """
    names = without_study(table["dataset"]) + "|" + table["network"].astype(str)
    return names.str.lower().str.replace(r"[^a-z0-9|]|bn$", "", regex=True)


def _cells(part: pd.DataFrame, sources: list[str]) -> pd.DataFrame:
    cells = [
        {
            "Method": one_line(f"{line.method} {line.setting}"),
            "Here": one_line(f"{line.here} ({line.target})"),
            "Published accuracy": number(line.accuracy, ".2f"),
            "Published difference": number(line.delta, "+z.2f"),
            "Published MACs removed": number(line.macs_removed, ".1f"),
            "Published epochs": number(line.epochs, "g"),
            "n": f"{line.n:.0f}",
            "Measured accuracy": number(line.accuracy_measured, ".2f"),
            "Measured difference": between(line.difference, line.difference_half),
            "Measured MACs removed": number(line.removed, ".1f"),
            "Measured epochs": number(line.epochs_measured, "g"),
            "Contra-dicted": "yes" if line.contradicted else "",
            "Source": f"[{sources.index(line.source) + 1}]",
        }
        for line in lines(part)
    ]
    return pd.DataFrame(cells)
