"""Targets: what a spelling stands for, and that it is given back."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from benchmarks.registry import ROOT
from benchmarks.schemas.target import FREE, Spelled, Target, cell_folder, is_constrained


@pytest.mark.parametrize(
    ("text", "asks", "fraction", "matched", "sources"),
    [
        ("macs=0.5", "macs", 0.5, None, ()),
        ("free", "free", None, None, ()),
        ("match:switcher,turns=2", "macs", None, "switcher,turns=2", ()),
        ("from:lenet5", "from", None, None, ("lenet5",)),
        ("from:lenet5+resnet8", "from", None, None, ("lenet5", "resnet8")),
    ],
)
def test_a_target_is_what_its_spelling_says(
    text: str, asks: str, fraction: float | None, matched: str | None, sources: tuple[str, ...]
) -> None:
    target = Target.parse(text)
    assert (target.asks, target.fraction, target.matched, target.sources) == (asks, fraction, matched, sources)
    assert str(target) == text
    assert is_constrained(text) == (asks == "macs")


@pytest.mark.parametrize(
    "text", ["macs=0", "macs=1.0", "macs=0.50", "macs:0.5", "match:", "from:", "Free", "free ", ""]
)
def test_another_spelling_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(ValueError, match=r"unknown target .*; allowed: macs=<fraction, like 0.5>, free, match:"):
        Target.parse(text)


TARGETS = (
    st.just(FREE)
    | st.integers(1, 99999).map(lambda n: Target("macs", f"{n / 1e5:.5f}".rstrip("0")))
    | st.text("abc,=1.", min_size=1).map(Target.match)
    | st.lists(st.text("abc", min_size=1), min_size=1, max_size=3).map(lambda names: Target.source(*names))
)


@given(target=TARGETS, label=st.text("abc,=1.", min_size=1))
def test_spellings_and_folders_give_their_parts_back(target: Target, label: str) -> None:
    assert Target.parse(str(target)) == target
    assert cell_folder(label, target) == f"{label}@{target}"


def test_json_holds_the_spelling() -> None:
    adapter = TypeAdapter(Spelled)
    assert adapter.dump_json(Target.match("l1")) == b'"match:l1"'
    assert adapter.validate_json('"match:l1"') == Target.match("l1")
    for bad in ("3", '"macs"', "null"):
        with pytest.raises(ValidationError):
            adapter.validate_json(bad)


def test_reading_a_target_imports_no_torch() -> None:
    code = "import sys, benchmarks.schemas.target; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
