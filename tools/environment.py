"""Write environment.yml, for conda, from requirements.lock: all that the project's own dependencies need, no more.

Written out, not by -r: Snakemake copies the file elsewhere before conda reads it.
"""

from __future__ import annotations

import re

from benchmarks.registry import ROOT

LOCK, ENVIRONMENT = ROOT / "requirements.lock", ROOT / "environment.yml"
OWN = "espalier (pyproject.toml)"
HEAD = """\
# The one environment, for conda: every version of requirements.lock that a study needs. Written by `make lock`.
name: espalier
channels:
  - conda-forge
dependencies:
  - python=3.12
  - pip
  - pip:
"""
BLOCK = re.compile(r"^(?P<name>[\w.-]+)==(?P<rest>[^\\\n]+?) \\\n(?P<notes>(?:    .*\n?)+)", flags=re.M)


def needed(lock: str) -> list[str]:
    """The locked requirements, with their markers, of the project itself and of what it needs."""
    blocks = [(found["name"], found["rest"], via(found["notes"])) for found in BLOCK.finditer(lock)]
    known = {OWN}
    while more := {name for name, _, users in blocks if users & known} - known:
        known |= more
    return [f"{name}=={rest}" for name, rest, _ in blocks if name in known]


def via(notes: str) -> set[str]:
    """What needs a requirement, as uv notes it behind the hashes."""
    comments = [line.strip("# ").removeprefix("via").strip() for line in notes.splitlines() if "# " in line]
    return {comment for comment in comments if comment}


def written(lock: str) -> str:
    """The whole of environment.yml."""
    return HEAD + "".join(f"      - {requirement}\n" for requirement in needed(lock))


if __name__ == "__main__":
    ENVIRONMENT.write_text(written(LOCK.read_text(encoding="utf-8")), encoding="utf-8")
