"""Bare Snakefiles with as many jobs as a study: what planning and running cost without the suite's code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

LOOK_AT = ["--scheduler", "greedy", "--scheduler-subsample", "100"]
OPTIONS = ["--quiet", "all", "--nolock", *LOOK_AT, "--rerun-triggers", "mtime", "params", "input"]

BARE = """
rule all:
    input: [f"runs/{{job}}" for job in range({jobs})]
rule job:
    output: "runs/{{job}}"
    shell: "touch {{output}}"
"""

SHAPED = """
rule all:
    input: [f"runs/d/n/{{job}}@free/runs.json" for job in range({jobs})]
wildcard_constraints:
    cell=r"[^/]+@[^/]+"
rule prepare:
    output: "data/{{dataset}}.safetensors"
    shell: "touch {{output}}"
rule start:
    output: runs="runs/{{dataset}}/{{network}}/start/runs.json"
    shell: "touch {{output}}"
rule learn:
    input:
        data="data/{{dataset}}.safetensors",
        start=lambda wildcards: f"runs/{{wildcards.dataset}}/{{wildcards.network}}/start/runs.json",
        reference=lambda wildcards: [],
    output:
        runs="runs/{{dataset}}/{{network}}/{{cell}}/runs.json",
        models="runs/{{dataset}}/{{network}}/{{cell}}/models.safetensors",
    log: "logs/{{dataset}}/{{network}}/{{cell}}.log"
    threads: 1
    resources: mem_mb=lambda wildcards, attempt: attempt * 1000, runtime=lambda wildcards, attempt: attempt * 10
    params:
        spec=lambda wildcards: "x" * 500,
        scratch="scratch/{{dataset}}/{{network}}/{{cell}}",
    message: "training {{wildcards.cell}}, {{wildcards.network}} on {{wildcards.dataset}}"
    shell: "true {{params.spec:q}} {{params.scratch:q}} {{threads}} 2> {{log:q}} && touch {{output:q}}"
"""

CHILD = """
import resource, sys
from snakemake.cli import main
try:
    main(sys.argv[1:])
finally:
    used = resource.getrusage(resource.RUSAGE_SELF)
    print("used", used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, file=sys.stderr)
"""


class Used(NamedTuple):
    """Used by Snakemake itself, without its jobs."""

    seconds: float  # of the processor
    mib: float


def write(folder: Path, text: str, jobs: int) -> Path:
    """A folder with the Snakefile for `jobs` jobs."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Snakefile").write_text(text.format(jobs=jobs))
    return folder


def snakemake(folder: Path, *arguments: str) -> Used:
    """Run Snakemake in the folder. Raises RuntimeError with the end of what it printed if it fails."""
    command = [sys.executable, "-c", CHILD, *arguments]
    done = subprocess.run(command, cwd=folder, text=True, capture_output=True)
    if done.returncode:
        raise RuntimeError(f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    seconds, mib = done.stderr.rsplit("used ", 1)[1].split()
    return Used(float(seconds), float(mib))
