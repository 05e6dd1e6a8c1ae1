"""What every training job begins with: its arguments, its log, its device."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path


def arguments(*paths: str, doc: str | None) -> argparse.Namespace:
    """`--spec`, `--runs` (as many as specs), `--threads`, and an optional path for every name in `paths`."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("--spec", nargs="+", required=True, help="what benchmarks/spec.py writes of a cell, as JSON")
    parser.add_argument("--runs", nargs="*", type=Path, help="runs.json of each spec, for measuring")
    parser.add_argument("--threads", type=int, default=1)
    for path in paths:
        parser.add_argument(f"--{path}", type=Path, default=None)
    return parser.parse_args()
