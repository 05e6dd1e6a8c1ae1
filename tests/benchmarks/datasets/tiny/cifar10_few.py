"""The binary archive."""

from tests.benchmarks.datasets.tiny._cifar import make as make
