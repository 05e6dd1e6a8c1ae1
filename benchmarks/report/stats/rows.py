"""The door of the report: a file of rows becomes a table, or is refused whole; several studies become a collection."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike

import pandas as pd

from benchmarks.report.stats.summary import TASK
from benchmarks.schemas.rows import COLUMNS, LATER, TEXT_COLUMNS, parse_rows, release


def read_rows(path: str | PathLike[str]) -> pd.DataFrame:
    """Rows of a rows.csv, text as str, numbers as float64, seed as int64; an empty number is NaN.

    Raises ValueError, naming the file, if it is no table, columns are missing, or `parse_rows` refuses it.
    """
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
    except ValueError as error:  # of pandas; it names no file
        raise ValueError(f"{path} is no table of rows: {error}") from None
    if missing := [column for column in COLUMNS if column not in (*table, *LATER)]:
        versions = ", ".join(sorted(set(table.get("version", [])))) or "unknown"
        raise ValueError(f"{path} lacks columns: {', '.join(missing)}. It was written by another version ({versions})")
    rows = parse_rows(table.to_dict("records"), path)
    numbers = {column: "float64" for column in COLUMNS if column not in (*TEXT_COLUMNS, "seed")}
    return pd.DataFrame([vars(row) for row in rows], columns=list(COLUMNS)).astype(numbers)


def study_name(rows: pd.DataFrame) -> str:
    """Of the study or the collection that these are the rows of."""
    return str(rows["study"].iloc[0]).split("/")[0]


def collected(name: str, studies: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The rows of these studies, each marked `<name>/<study>`. Raises ValueError if their versions are not comparable.

    A dataset on which two studies share a task is named after its study too: each keeps its own dense baseline.
    """
    releases = {study: release(rows["version"].iloc[0]) for study, rows in studies.items()}
    if len(set(releases.values())) > 1:
        found = ", ".join(f"{study} is of {version}" for study, version in releases.items())
        raise ValueError(f"collection {name}: rows of different versions are not comparable: {found}")
    own = {study: rows.assign(study=f"{name}/{study}") for study, rows in studies.items()}
    return pd.concat(own.values(), ignore_index=True).assign(dataset=datasets(studies, studies))


def datasets(studies: Mapping[str, pd.DataFrame], tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """The column `dataset` of these tables, a table a study: of a shared one with the study in brackets."""
    tasks = pd.concat([rows[TASK].drop_duplicates() for rows in studies.values()])
    shared = set(tasks.loc[tasks.duplicated(), "dataset"])
    return [
        f"{dataset} ({study})" if dataset in shared else str(dataset)
        for study, table in tables.items()
        for dataset in (table["dataset"] if len(table) else ())
    ]


def without_study(names: pd.Series) -> pd.Series:
    """Names of `datasets` as they were before a collection put the study in brackets."""
    return names.astype(str).str.replace(r" \(.*\)$", "", regex=True)


def members(rows: pd.DataFrame) -> pd.DataFrame:
    """A line per study of a collection: its runs, tasks, version, hardware and dates; of a study, one line."""
    lines = []
    for study, part in rows.groupby("study", sort=False):
        dates = sorted(text[:10] for text in set(part["finished_at"]) if text)
        lines.append({
            "Study": str(study).split("/")[-1],
            "Runs": str(len(part)),
            "Tasks": str(len(part[TASK].drop_duplicates())),
            "Version": ", ".join(sorted(set(part["version"]))),
            "Hardware": hardware(part),
            "Precision": ", ".join(sorted(set(part["precision"]))),
            "Trained": " to ".join(dict.fromkeys(dates[:1] + dates[-1:])),
        })  # fmt: skip
    return pd.DataFrame(lines)


def hardware(rows: pd.DataFrame) -> str:
    """The devices, and the threads of a run on a CPU."""
    kinds = rows[["device", "threads"]].drop_duplicates().sort_values(["device", "threads"])
    said = [
        device + (f", {n:.0f} thread{'s' if n > 1 else ''} a run" if n == n else "")
        for device, n in kinds.itertuples(index=False)
    ]
    return "; ".join(said)
