"""Print what a study will cost, before anything of it runs."""

import argparse
import json
from pathlib import Path

from rich.console import Console
from rich.progress import track

from benchmarks.machine.device import choose, describe
from benchmarks.plan import plan, table
from benchmarks.study.config import parse

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
