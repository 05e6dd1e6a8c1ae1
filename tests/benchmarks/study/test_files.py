"""Config files: what can be misread is refused in one line that names the file and the place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.registry import ROOT
from benchmarks.study import files
from tests.workflow.conftest import TINY


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("epochs: 2\nseeds: 3\nepochs: 50\n", "line 3: key 'epochs' stands there twice"),
        ("where:\n  digits: {epochs: 2, epochs: 3}\n", "line 2: key 'epochs' stands there twice"),
        ("methods: [{l1: {p: 1}, l1: {p: 2}}]\n", "line 1: key 'l1' stands there twice"),
        ('{"epochs": 2, "epochs": 50}', "key 'epochs' stands there twice"),
        ("study: x\nepochs: 010\n", "line 2: 010 would be read as 8; write 8 in decimal"),
        ("epochs: 1:30\n", "line 1: 1:30 would be read as 90"),
        ("epochs: 0x10\n", "line 1: 0x10 would be read as 16"),
        ("epochs: 1_000\n", "line 1: 1_000 would be read as 1000"),
        ("lr: 1:30.5\n", "line 1: 1:30.5 is no number"),
        ("epochs: [\n", "line 2: "),
        ("a:\n\t- b\n", "line 2: found character '\\t' that cannot start any token"),
        ("study: a\0b\n", "special characters are not allowed"),
        ("- a\n", " must hold keys and values, not list"),
        ("", " must hold keys and values, not NoneType"),
        ("!!python/object/apply:os.system ['touch ran']\n", "could not determine a constructor"),
    ],
)
def test_what_can_be_misread_is_one_line_with_its_place(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(text)
    with pytest.raises(ValueError) as caught:
        files.read(path)
    assert str(caught.value).startswith(str(path)) and said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_text_in_another_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_bytes("study: caf\xe9".encode("latin-1"))
    with pytest.raises(ValueError, match=r"study\.yaml is not UTF-8 text: byte 10 is 0xe9"):
        files.read(path)


@pytest.mark.parametrize("name", ["study.yaml", "my study.yaml", "study.json"])
@pytest.mark.parametrize("begin", ["", "\ufeff"], ids=["plain", "mark"])
def test_a_study_in_any_form_has_its_name(name: str, begin: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(begin + json.dumps(TINY), encoding="utf-8")
    assert files.load(path).study == "tiny"
    assert files.results(path) == Path("results/tiny")
    assert files.results(Path("results/other")) == Path("results/other")


@pytest.mark.parametrize("path", sorted((ROOT / "config").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_study_here_can_be_read(path: Path) -> None:
    assert files.load(path).study == path.stem


def test_numbers_are_decimal(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text("a: -3\nb: 0\nc: 1.5e-3\nd: .inf\ne: &x {lr: 1}\nf: {<<: *x, p: 2}\n")
    assert files.read(path) == {
        "a": -3, "b": 0, "c": 0.0015, "d": float("inf"), "e": {"lr": 1}, "f": {"lr": 1, "p": 2},
    }  # fmt: skip
