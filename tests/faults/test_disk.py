"""A disk that is full, a file that may grow no further, a folder that cannot be written to."""

from __future__ import annotations

import errno
import json
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from benchmarks.data import prepared
from benchmarks.machine.files import write_atomically, write_sealed
from benchmarks.schemas.spec import Spec
from benchmarks.training.checkpoint import Journal
from tests.benchmarks.test_train import Bench, timeless

KIB = 1024
READ = {".json": lambda path: json.loads(path.read_text()), ".safetensors": load_file, "": Journal.read}


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.name != ".lock"]


def assert_whole(folder: Path) -> None:
    """Every file is one that can be read, and none is left under a temporary name."""
    for path in files(folder):
        assert not path.name.startswith("."), f"{path} is left over"
        assert READ[path.suffix](path) is not None, f"{path} is half-written"


def fails_then_completes(bench: Bench, spec: Spec, whole: Any, number: int, free: Callable[[], None]) -> None:
    """One error that names a file, whatever lies there is whole, and the same job ends as ever once there is space."""
    with pytest.raises(OSError) as caught:
        bench.cell(spec)
    assert caught.value.errno == number
    assert Path(caught.value.filename).is_relative_to(bench.folder)
    assert_whole(bench.folder)
    free()
    assert timeless(bench.cell(spec)) == whole


@pytest.mark.parametrize("left", [40, 300, 600, 900])
def test_a_full_disk(bench: Bench, spec: Spec, whole: Any, mount: Callable[..., None], left: int) -> None:
    bench.folder.mkdir()
    mount("-t", "tmpfs", "-o", "size=8m", "tmpfs", at=bench.folder)
    filler = bench.folder / "filler.json"
    filler.write_bytes(b"0".rjust((8 * KIB - left) * KIB))
    fails_then_completes(bench, spec, whole, errno.ENOSPC, lambda: filler.unlink())


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("size", [1, 40 * KIB])
def test_a_file_that_may_grow_no_further(bench: Bench, spec: Spec, whole: Any, size: int) -> None:
    with files_up_to(size):
        fails_then_completes(
            bench, spec, whole, errno.EFBIG, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))
        )


@pytest.mark.parametrize("write", [write_atomically, write_sealed])
def test_what_cannot_be_replaced_stays(tmp_path: Path, write: Callable[[Path, bytes], None]) -> None:
    path = tmp_path / "models.safetensors"
    write(path, b"old")
    before = path.read_bytes()
    with files_up_to(KIB), pytest.raises(OSError) as caught:
        write(path, bytes(2 * KIB))
    assert caught.value.filename == str(path)
    assert files(tmp_path) == [path] and path.read_bytes() == before


@pytest.mark.parametrize("size", [100, 2 * KIB])
def test_a_dataset_that_does_not_fit_leaves_nothing(tmp_path: Path, size: int) -> None:
    images, labels = torch.zeros(99, 1, 8, 8, dtype=torch.uint8), torch.zeros(99)
    path = tmp_path / "data" / "digits.safetensors"
    with files_up_to(size), pytest.raises(OSError) as caught:
        prepared.write(path, {"train": (images, labels)})
    assert caught.value.filename == str(path) and not files(tmp_path)


def test_a_folder_that_cannot_be_written_to(
    bench: Bench, spec: Spec, whole: Any, mount: Callable[..., None], tmp_path: Path
) -> None:
    """Root may write where modes forbid it, so the folder is mounted read-only."""
    bench.folder.mkdir()
    mount("--bind", str(bench.folder), at=bench.folder)
    mount("-o", "remount,bind,ro", at=bench.folder)
    fails_then_completes(bench, spec, whole, errno.EROFS, lambda: mount("-o", "remount,bind,rw", at=bench.folder))
