"""Snakemake's time and memory as a study grows: measured, and drawn as docs/scale.svg.

python -m tools.scale measure docs/scale.csv --plan 500 1000 2000 --run 100 400 1600 --run-all 100 400
python -m tools.scale draw docs/scale.csv docs/scale.svg
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from benchmarks.registry import ROOT
from benchmarks.report.figures import style
from speed.snakefiles import BARE, OPTIONS, SHAPED, Used, snakemake, write

TARGETS = ["macs=0.5", "macs=0.35", "macs=0.2"]
ALL = ["--scheduler-subsample", "1000000"]  # the last of two counts
NAMES = {
    "plan": "plan, this suite", "plan bare": "plan, bare Snakefile", "run": "run, 100 jobs looked at",
    "run all": "run, all ready jobs looked at",
}  # fmt: skip
MOST = 100_000


def study(cells: int) -> dict[str, Any]:
    """A config with about `cells` cells: four data sets, seven networks, and enough settings of a knob."""
    paper = yaml.safe_load((ROOT / "config/paper.yaml").read_text())
    settings = max(1, round(cells / len(TARGETS) / len(paper["datasets"]) / len(paper["networks"])))
    methods = ["dense", *({"slimming": {"penalty": (i + 1) * 1e-7}} for i in range(settings))]
    return paper | {"study": "scale", "methods": methods, "targets": TARGETS}


def plan(folder: Path, cells: int) -> Used:
    """A dry run of the suite."""
    folder.mkdir()
    (folder / "study.yaml").write_text(yaml.safe_dump(study(cells)))
    return snakemake(
        folder, "-n", "--quiet", "all", "--snakefile", str(ROOT / "Snakefile"), "--configfile", "study.yaml"
    )


def measure(plans: list[int], runs: list[int], runs_all: list[int]) -> Iterator[dict[str, Any]]:
    """One line per kind and number of jobs: processor seconds and peak memory of Snakemake, without its jobs."""
    with tempfile.TemporaryDirectory() as root:
        here = Path(root)
        for jobs in plans:
            yield {"kind": "plan", "jobs": jobs} | plan(here / f"plan-{jobs}", jobs)._asdict()
            bare = write(here / f"bare-{jobs}", BARE, jobs)
            yield {"kind": "plan bare", "jobs": jobs} | snakemake(bare, "-n", *OPTIONS)._asdict()
        for kind, counts, more in (("run", runs, []), ("run all", runs_all, ALL)):
            for jobs in counts:
                folder = write(here / f"{kind}-{jobs}", SHAPED, jobs)
                yield {"kind": kind, "jobs": jobs} | snakemake(folder, "--cores", "2", *OPTIONS, *more)._asdict()


def draw(table: pd.DataFrame) -> Figure:
    """Processor time and memory against jobs, on logarithmic axes; dotted lines are extrapolated.

    They continue the line through the last two points. The cost of looking at all ready jobs grows with the square of
    their number.
    """
    lines = {str(kind): line.sort_values("jobs") for kind, line in table.groupby("kind", sort=False)}
    with style.drawing():
        figure = Figure(figsize=(2 * style.COLUMN, 2.8), layout="constrained")
        labels = {"seconds": "Processor seconds", "mib": "Peak memory, MiB"}
        for axes, (column, label) in zip(figure.subplots(1, 2), labels.items(), strict=True):
            axes.set(xscale="log", yscale="log", xlabel="Jobs", ylabel=label)
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_formatter("{x:,.0f}")
                axis.set_minor_formatter(NullFormatter())
            for i, (kind, line) in enumerate(lines.items()):
                color, marker = style.COLOURS[i], style.MARKERS[i]
                axes.plot(line["jobs"], line[column], color=color, marker=marker, label=NAMES[kind])
                of_all = kind == "run all"
                xs, ys = carried(lines["run"] if of_all else line, column, line["jobs"].iloc[-1])
                if of_all and column == "seconds":  # looking at jobs takes time and no memory
                    ys = ys + (line[column].iloc[-1] - ys[0]) * (xs / xs[0]) ** 2
                axes.plot(xs, ys, ":", color=color)
            axes.set_ylim(bottom=1 if column == "seconds" else 100)
        figure.axes[0].legend()
    return figure


def carried(line: pd.DataFrame, column: str, begin: float) -> tuple[np.ndarray, np.ndarray]:
    """From `begin` jobs to `MOST`: interpolated between points, beyond them along the line through the last two."""
    x, y = (line[name].to_numpy(dtype=float) for name in ("jobs", column))
    xs = np.geomspace(begin, MOST, 21)
    slope = (y[-1] - y[-2]) / (x[-1] - x[-2])
    return xs, np.interp(xs, x, y) + slope * (xs - x[-1]).clip(min=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("do", choices=["measure", "draw"])
    parser.add_argument("table", type=Path)
    parser.add_argument("figure", type=Path, nargs="?", default=Path("docs/scale.svg"))
    parser.add_argument("--plan", type=int, nargs="*", default=[])
    parser.add_argument("--run", type=int, nargs="*", default=[])
    parser.add_argument(
        "--run-all", type=int, nargs="*", default=[], help="with a scheduler that looks at all ready jobs"
    )
    arguments = parser.parse_args()
    if arguments.do == "draw":
        arguments.figure.write_text(style.svg(draw(pd.read_csv(arguments.table))), encoding="utf-8")
        return
    for line in measure(arguments.plan, arguments.run, arguments.run_all):
        known = pd.read_csv(arguments.table) if arguments.table.exists() else pd.DataFrame()
        pd.concat([known, pd.DataFrame([line])]).round(2).to_csv(arguments.table, index=False)


if __name__ == "__main__":
    main()
