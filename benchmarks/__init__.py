"""On what and how methods are compared: config -> cells -> train -> shrink -> row -> report."""

from typing import Any

__version__ = "0.3.0"


def __getattr__(name: str) -> Any:
    """`from benchmarks import load` alone imports torch, which takes seconds; planning a study does not."""
    if name == "load":
        from benchmarks.pruned import load

        return load
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
