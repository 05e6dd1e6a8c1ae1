"""Print what a study will cost and what it can show, before anything of it runs."""

import argparse
import json
from pathlib import Path

from rich.console import Console
from rich.progress import track

from benchmarks.machine.device import choose, describe
from benchmarks.plan import plan, table
from benchmarks.registry import ROOT
from benchmarks.report.stats.rows import read_rows
from benchmarks.report.tables import power
from benchmarks.study.config import Study, parse

PUBLISHED = ROOT / "results/published"


def show_power(study: Study, console: Console) -> None:
    """Print the difference that the planned seeds can show, where a published study has one of the tasks."""
    tasks, seeds = study.tasks(), len(study.seeds)
    if path := power.nearest(PUBLISHED, tasks, study.study):
        rows = read_rows(path)
        source = f"the published study {path.parent.name} (version {rows['version'].iloc[0]})"
        console.print(power.table(power.power(rows, tasks, seeds), source, len(tasks), seeds))
        if study.split not in set(rows["split"]):
            there = rows["split"].iloc[0]
            console.print(f"There, split is {there!r}; with {study.split!r}, seeds have another spread.")
    else:
        console.print("What the planned seeds can show is not known: no published study has one of these tasks.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", required=True, help="the study, as JSON")
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--cores", type=int, required=True)
    args = parser.parse_args()
    study = parse(json.loads(args.config), "--config")
    device = choose(threads=1)
    tasks = len(study.tasks())
    lines = list(track(plan(study, args.results, device), "timing steps", tasks, console=Console(stderr=True)))
    Console().print(table(lines, args.cores, describe(device)))
    show_power(study, Console())
