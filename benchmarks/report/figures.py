"""Figures from rows: each function returns a matplotlib Figure and its caption."""

from __future__ import annotations

from benchmarks.report.figure_accuracy import accuracy_against_macs
from benchmarks.report.figure_channels import channels_kept
from benchmarks.report.figure_scatter import accuracy_against_cost, real_against_theoretical_speedup
from benchmarks.report.style import save

__all__ = [
    "accuracy_against_cost",
    "accuracy_against_macs",
    "channels_kept",
    "real_against_theoretical_speedup",
    "save",
]
