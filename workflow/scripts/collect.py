"""The rows, the histories and the correctly classified test images of several finished studies, in one table each."""

import argparse
from pathlib import Path

import pandas as pd

from benchmarks.machine.files import write_atomically
from benchmarks.report.stats.rows import collected, datasets, read_rows
from benchmarks.schemas import correct
from workflow.scripts.gather import packed, read_histories


def collect(name: str, paths: list[Path], out: Path) -> None:
    """Write rows.csv, runs.parquet and correct.parquet of the collection to the folder `out`."""
    studies = {path.parent.name: read_rows(path) for path in paths}
    rows = collected(name, studies)
    histories = {path.parent.name: read_histories(path.with_name("runs.parquet")) for path in paths}
    both = pd.concat(histories.values(), ignore_index=True)
    both = both.assign(dataset=datasets(studies, histories)) if len(both) else both
    write_atomically(out / "rows.csv", rows.to_csv(index=False, lineterminator="\n").encode())
    write_atomically(out / "runs.parquet", packed(both))
    files = {path.parent.name: path.with_name(correct.CORRECT) for path in paths}
    images = {study: correct.read(file) if file.is_file() else correct.table([]) for study, file in files.items()}
    together = pd.concat(images.values(), ignore_index=True)
    correct.write(out / correct.CORRECT, together.assign(dataset=datasets(studies, images)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True)
    parser.add_argument(
        "--rows", type=Path, nargs="+", required=True, help="<study>/rows.csv; runs.parquet is next to it"
    )
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    collect(args.name, args.rows, args.out.parent)
