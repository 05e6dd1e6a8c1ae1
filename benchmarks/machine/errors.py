"""What a program says when it ends with an error."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from types import TracebackType

OWN = str(Path(__file__).resolve().parents[2])


def in_one_line() -> None:
    """From now on an error about an input ends this program with its message alone.

    Such an error is a ValueError that this project raises, or an OSError that names a file. Any other is a fault of
    the program, and keeps its traceback.
    """
    sys.excepthook = say


def say(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Write the error to the terminal or the log."""
    frames = traceback.extract_tb(trace)
    own = bool(frames) and frames[-1].filename.startswith(OWN) and "site-packages" not in frames[-1].filename
    if (isinstance(error, ValueError) and own) or (isinstance(error, OSError) and error.filename):
        print(f"{kind.__name__}: {error}", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)
