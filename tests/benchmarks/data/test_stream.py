"""A dataset that no memory holds: the same file, the same batches, and a thread that fails and ends as it should."""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file
from torch import Tensor

from benchmarks.data import prepared, stream
from benchmarks.data.dataset import Augment, Part
from methods.core.api import Batch

CPU = torch.device("cpu")
NAMES = ("train", "validation", "test")


class Chunks:
    """Images that come ten at a time."""

    def __init__(self, images: Tensor) -> None:
        self.images = images
        self.shape = tuple(images.shape)

    def chunks(self) -> Iterator[Tensor]:
        yield from self.images.split(10)


def made(side: int = 5) -> dict[str, tuple[Tensor, Tensor]]:
    """Odd sizes: images of 75 bytes end where no wider number may begin."""
    generator = torch.Generator().manual_seed(0)
    counts = dict(zip(NAMES, (33, 7, 9), strict=True))
    images = {
        p: torch.randint(0, 200, (n, 3, side, side), dtype=torch.uint8, generator=generator) for p, n in counts.items()
    }
    return {part: (each, torch.arange(len(each)) % 4) for part, each in images.items()}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The made dataset in its file."""
    path = tmp_path_factory.mktemp("stream") / "data" / "made.safetensors"
    prepared.write(path, {part: (Chunks(images), labels) for part, (images, labels) in made().items()})
    return path


def in_memory(path: Path, part: str) -> Part:
    return prepared.load(path, (part,), CPU)[part]


def same(one: list[Batch], other: list[Batch]) -> bool:
    pairs = list(zip(one, other, strict=True))
    return all(torch.equal(a.images, b.images) and torch.equal(a.labels, b.labels) for a, b in pairs)


def test_a_file_written_in_chunks_is_read_as_any_other(path: Path) -> None:
    tensors = load_file(path)
    for part, (images, labels) in made().items():
        assert torch.equal(tensors[f"{part}_images"], images) and torch.equal(tensors[f"{part}_labels"], labels)
    assert torch.equal(in_memory(path, "test").images, made()["test"][0])
    assert int.from_bytes(path.read_bytes()[:8], "little") % 8 == 0, "numbers of eight bytes stand where they may"


def test_tensors_and_chunks_give_the_same_bytes(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepared, "CHUNK", 4)
    prepared.write(tmp_path / "made.safetensors", made())
    assert (tmp_path / "made.safetensors").read_bytes() == path.read_bytes()
    assert path.with_suffix(".sha256").read_text() == f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
    assert {p.name for p in tmp_path.iterdir()} == {"made.safetensors", "made.sha256"}


def test_a_write_that_fails_leaves_nothing_of_that_name(tmp_path: Path) -> None:
    def fail() -> Iterator[Tensor]:
        yield torch.zeros(10, 3, 5, 5, dtype=torch.uint8)
        raise ValueError("no image")

    broken = Chunks(made()["train"][0])
    broken.chunks = fail  # type: ignore[method-assign]
    with pytest.raises(ValueError, match="no image"):
        prepared.write(tmp_path / "made.safetensors", made() | {"train": (broken, made()["train"][1])})
    assert not list(tmp_path.iterdir())


@given(channels=st.integers(1, 3), n=st.integers(2, 30), seed=st.integers(0, 99))
def test_moments_are_those_of_the_pixels(channels: int, n: int, seed: int) -> None:
    images = torch.randint(256, (n, channels, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))
    counts = torch.zeros(channels, 256, dtype=torch.int64)
    assert torch.equal(torch.cat(list(prepared._counted(images.split(7), counts))), images)
    pixels = images.double().transpose(0, 1).flatten(1)
    mean, std = prepared.moments(counts)
    torch.testing.assert_close(mean, pixels.mean(1).float(), rtol=1e-6, atol=0)
    torch.testing.assert_close(std, pixels.std(1).float(), rtol=1e-6, atol=0)


def test_images_are_mapped_and_not_read(path: Path) -> None:
    streamed = stream.load(path, ("train",), CPU)["train"]
    storage = streamed.images.untyped_storage()
    assert storage.nbytes() >= path.stat().st_size - 4096, "the storage is the whole file"


@given(
    size=st.integers(1, 12),
    first=st.integers(0, 4),
    seed=st.integers(0, 99),
    augment=st.builds(Augment, st.integers(0, 2), st.booleans()),
)
def test_an_epoch_is_that_of_the_dataset_in_memory(
    path: Path, size: int, first: int, seed: int, augment: Augment
) -> None:
    both = (stream.load(path, ("train",), CPU)["train"], in_memory(path, "train"))
    one, other = (list(p.epoch(size, augment, torch.Generator().manual_seed(seed), first)) for p in both)
    assert len(one) == max(0, 33 // size - first) and same(one, other)


@pytest.mark.parametrize("size", [3, 9, 100])
def test_batches_in_order_are_those_of_the_dataset_in_memory(path: Path, size: int) -> None:
    streamed = stream.load(path, ("test",), CPU)["test"]
    assert same(list(streamed.batches(size)), list(in_memory(path, "test").batches(size)))
    assert torch.equal(
        streamed.normalised(streamed.images[:4]), in_memory(path, "test").normalised(made()["test"][0][:4])
    )


def test_batches_are_made_ahead_in_a_thread_that_ends_with_the_loop() -> None:
    made_by: list[int] = []

    def batches() -> Iterator[Batch]:
        for i in range(20):
            made_by.append(threading.get_ident())
            yield Batch(torch.zeros(1), torch.tensor([i]))

    before = threading.active_count()
    for batch in stream.ahead(batches()):
        if batch.labels.item() == 4:
            break
    assert set(made_by) != {threading.get_ident()} and len(made_by) <= 5 + stream.AHEAD
    assert threading.active_count() == before


def test_what_fails_in_the_thread_fails_in_the_loop() -> None:
    def batches() -> Iterator[Batch]:
        yield Batch(torch.zeros(1), torch.zeros(1))
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        list(stream.ahead(batches()))


@pytest.mark.parametrize("seconds", [-3600, 3600])
def test_a_file_that_was_written_to_is_summed_again(path: Path, tmp_path: Path, seconds: int) -> None:
    """Whatever time its writer gave it; one with the same bytes may be used on."""
    copy = shutil.copy(path, tmp_path / path.name)
    shutil.copy(path.with_suffix(".sha256"), tmp_path)
    part = stream.load(copy, ("train",), CPU)["train"]
    os.utime(copy, (time := copy.stat().st_mtime + seconds, time))
    part.check()
    with copy.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"?")
    os.utime(copy, (time, time))
    with pytest.raises(ValueError, match="expected sha256"):
        part.check()


def test_a_truncated_file_is_refused_by_name(path: Path, tmp_path: Path) -> None:
    short = tmp_path / "short.safetensors"
    short.write_bytes(path.read_bytes()[:-10])
    short.with_suffix(".sha256").write_bytes(path.with_suffix(".sha256").read_bytes())
    with pytest.raises(ValueError, match=r"short\.safetensors is truncated or altered"):
        stream.load(short, ("train",), CPU)
