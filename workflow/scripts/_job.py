"""What every training job begins with: its arguments, its log, its device."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path


def arguments(*paths: str, doc: str | None, told: tuple[str, ...] = ("spec",)) -> argparse.Namespace:
    """A text for every name in `told`, by default the spec of a cell as JSON; `--threads`; and a path for every name
    in `paths`: None where it is not given, or given without a value.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    parser = argparse.ArgumentParser(description=doc)
    for name in told:
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--threads", type=int, default=1)
    for path in paths:
        parser.add_argument(f"--{path}", type=Path, nargs="?")
    return parser.parse_args()
