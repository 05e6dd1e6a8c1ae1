"""IDX files."""

from tests.benchmarks.datasets.tiny._idx import make as make
