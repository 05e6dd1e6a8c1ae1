"""`make help` lists every target, and is what `make` alone does."""

from __future__ import annotations

import re
import subprocess

import pytest

from benchmarks.registry import ROOT


@pytest.mark.parametrize("arguments", [[], ["help"]])
def test_help_lists_every_target_with_what_it_does(arguments: list[str]) -> None:
    printed = subprocess.run(["make", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    listed = dict(re.findall(r"^make (\w+) +(\S.*)$", printed, flags=re.M))
    (targets,) = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), flags=re.M)
    assert set(listed) == set(targets.split()) and "results" in listed
