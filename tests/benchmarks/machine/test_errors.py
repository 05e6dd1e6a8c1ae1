"""An error about an input is one line; a fault of the program keeps its traceback."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.machine.errors import say
from benchmarks.machine.files import read_json


def said(function: Callable[[], object], capsys: pytest.CaptureFixture[str]) -> str:
    try:
        function()
    except Exception as error:
        say(type(error), error, error.__traceback__)
    return capsys.readouterr().err


def full() -> None:
    raise OSError(errno.ENOSPC, "No space left on device", "rows.csv")


def test_what_this_project_refuses_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.json"
    path.write_text("{")
    assert said(lambda: read_json(path), capsys).startswith(f"ValueError: {path} is cut short or altered")
    path.unlink()
    printed = said(lambda: read_json(path), capsys) + said(full, capsys)
    assert printed.splitlines() == [
        f"FileNotFoundError: [Errno 2] No such file or directory: '{path}'",
        "OSError: [Errno 28] No space left on device: 'rows.csv'",
    ]


def test_a_fault_of_the_program_keeps_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    import torch

    faults: list[Callable[[], object]] = [
        lambda: {}["a"],  # type: ignore[index]
        lambda: torch.optim.SGD([], lr=0.1),  # a ValueError of another library
    ]
    for fault in faults:
        assert "Traceback" in said(fault, capsys)
