"""Planning: a dry run of the suite, against bare Snakefiles with the same number of jobs."""

from __future__ import annotations

from pathlib import Path

import yaml

from benchmarks.registry import ROOT
from benchmarks.study.config import parse
from speed.conftest import Compare, Ratio
from speed.snakefiles import BARE, OPTIONS, SHAPED, snakemake, write


def test_planning(tmp_path: Path, compare: Compare) -> None:
    """config/paper.yaml on one of its data sets. Every run includes the start of Snakemake."""
    config = yaml.safe_load((ROOT / "config/paper.yaml").read_text())
    config["datasets"] = config["datasets"][:1]
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(config))
    cells = len(list(parse(config, "paper.yaml").cells()))
    same, bare, none = (
        write(tmp_path / name, text, jobs)
        for name, text, jobs in (("same", SHAPED, cells), ("bare", BARE, cells), ("none", BARE, 1))
    )
    ours = ["--snakefile", str(ROOT / "Snakefile"), "--configfile", "study.yaml", "--dry-run", "--quiet", "all"]
    runs = {
        "ours": lambda: snakemake(tmp_path, *ours),
        "same": lambda: snakemake(same, "--dry-run", *OPTIONS),
        "bare": lambda: snakemake(bare, "--dry-run", *OPTIONS),
        "none": lambda: snakemake(none, "--dry-run", *OPTIONS),
    }
    ratios = [
        Ratio(f"plan of {cells} cells / same jobs, bare Snakefile", "ours", "same", "<= 1.2"),
        Ratio(f"plan of {cells} cells / as many jobs of one file", "ours", "bare"),
        Ratio(f"plan of {cells} cells / plan of one job", "ours", "none"),
    ]
    compare(runs, ratios, warmup=0)
