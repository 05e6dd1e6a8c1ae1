"""The commands of the rules."""

from benchmarks.machine.errors import in_one_line

in_one_line()
