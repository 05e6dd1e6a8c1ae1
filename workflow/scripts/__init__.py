"""The commands of the rules, and what each of them starts with: its arguments and its log."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from benchmarks.machine.errors import in_one_line

in_one_line()


def arguments(*paths: str, doc: str | None, texts: tuple[str, ...] = ("spec",)) -> argparse.Namespace:
    """A text for every name in `texts`, by default the spec of a cell as JSON; `--threads`; and a path for every name
    in `paths`: None where it is not given, or given without a value.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    parser = argparse.ArgumentParser(description=doc)
    for name in texts:
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--threads", type=int, default=1)
    for path in paths:
        parser.add_argument(f"--{path}", type=Path, nargs="?")
    return parser.parse_args()
