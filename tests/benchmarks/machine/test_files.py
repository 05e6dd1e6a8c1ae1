"""Files that are whole or not there, and folders that one process holds."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from benchmarks import registry
from benchmarks.machine import files


def test_a_written_file_is_there_whole_and_nothing_else_is(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.bin"
    files.write_atomically(path, b"one")
    files.write_atomically(path, b"two")
    assert path.read_bytes() == b"two"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("write", [files.write_atomically, files.write_sealed])
def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: object) -> None:
    path = tmp_path / "a.bin"
    write(path, b"old")
    before = path.read_bytes()

    def fail(*_: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="full"):
        write(path, b"new")
    assert path.read_bytes() == before


@pytest.mark.parametrize(("write", "synced"), [(files.write_atomically, [3]), (files.write_sealed, [])])
def test_what_must_outlast_a_power_cut_is_on_the_disk_before_it_is_renamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: object, synced: list[int]
) -> None:
    """Whole, under a name of this process's own that nothing reads; a seal says whether a save is whole."""
    sizes, replace = [], Path.replace
    monkeypatch.setattr(os, "fsync", lambda number: sizes.append(os.fstat(number).st_size))

    def renamed(temporary: Path, path: Path) -> None:
        assert temporary.name == f".a.bin.{os.getpid()}" and sizes == synced
        replace(temporary, path)

    monkeypatch.setattr(Path, "replace", renamed)
    write(tmp_path / "a.bin", b"one")
    assert [path.name for path in tmp_path.iterdir()] == ["a.bin"]


def test_json_is_the_same_bytes_for_the_same_value(tmp_path: Path) -> None:
    files.write_json(tmp_path / "a.json", {"b": 0.1, "a": [1, None]})
    files.write_json(tmp_path / "b.json", {"a": [1, None], "b": 0.1})
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert json.loads((tmp_path / "a.json").read_text()) == {"a": [1, None], "b": 0.1}


def test_json_holds_no_number_that_json_has_not(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        files.write_json(tmp_path / "a.json", {"loss": math.nan})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [b"", b"x", bytes(range(256)) * 10])
def test_what_was_sealed_is_read_back(tmp_path: Path, content: bytes) -> None:
    files.write_sealed(tmp_path / "a", content)
    assert files.read_sealed(tmp_path / "a") == content


@pytest.mark.parametrize(
    "damage", [lambda b: b[:-1], lambda b: b + b"x", lambda b: b[:40] + b"?" + b[41:], lambda _: b""]
)
def test_a_sealed_file_that_is_not_whole_is_not_there(tmp_path: Path, damage: object) -> None:
    path = tmp_path / "a"
    files.write_sealed(path, b"some bytes of a checkpoint")
    path.write_bytes(damage(path.read_bytes()))
    assert files.read_sealed(path) is None
    assert files.read_sealed(tmp_path / "missing") is None


TRY = """
import sys
from pathlib import Path
from benchmarks.machine.files import try_lock
sys.exit(not try_lock(Path(sys.argv[1])))
"""


def held_elsewhere(folder: Path) -> bool:
    """Whether another process is refused the folder."""
    return bool(subprocess.run([sys.executable, "-c", TRY, folder], cwd=registry.ROOT, check=False).returncode)


def test_a_folder_is_held_by_one_process_and_freed_at_the_end(tmp_path: Path) -> None:
    with files.locked(tmp_path / "a"):
        assert held_elsewhere(tmp_path / "a")
        assert not held_elsewhere(tmp_path / "b")
    assert not held_elsewhere(tmp_path / "a")


def test_a_folder_that_is_held_is_waited_for(tmp_path: Path) -> None:
    def enter() -> None:
        with files.locked(tmp_path):
            entered.set()

    entered, thread = threading.Event(), threading.Thread(target=enter)
    with files.locked(tmp_path):
        thread.start()
        thread.join(0.2)
        assert thread.is_alive() and not entered.is_set()
    thread.join(60)
    assert entered.is_set()


def test_a_folder_is_freed_behind_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), files.locked(tmp_path):
        raise RuntimeError
    assert not held_elsewhere(tmp_path)


def test_a_lock_that_was_tried_is_kept(tmp_path: Path) -> None:
    assert files.try_lock(tmp_path)
    assert held_elsewhere(tmp_path)
    assert not files.try_lock(tmp_path)
    files._HELD.pop().close()
    assert not held_elsewhere(tmp_path)
