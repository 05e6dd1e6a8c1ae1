"""Commands that no rule calls."""

from benchmarks.machine.errors import in_one_line

in_one_line()
