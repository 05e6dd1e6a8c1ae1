"""The door of the report: a file of rows becomes a table, or is refused whole."""

from __future__ import annotations

from os import PathLike

import pandas as pd

from benchmarks.schemas.rows import COLUMNS, LATER, TEXT_COLUMNS, parse_rows


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
