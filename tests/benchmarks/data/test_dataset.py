"""Batches: every image once, the same draws whatever was handed out, known augmentation; files that are checked."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from benchmarks import registry
from benchmarks.data import dataset
from benchmarks.data import prepared as prepared_file
from benchmarks.data.checksum import sum_of
from benchmarks.data.dataset import Augment, Part
from benchmarks.datasets import _idx
from methods.core.api import Batch

CPU = torch.device("cpu")


def numbered(count: int) -> Part:
    """Image i is full of the number i; so is its label."""
    images = torch.arange(count, dtype=torch.uint8)[:, None, None, None].expand(count, 1, 4, 4).contiguous()
    return Part(images, torch.arange(count), torch.zeros(1, 1, 1, 1), torch.ones(1, 1, 1, 1))


def epoch(part: Part, size: int, seed: int = 0, first: int = 0, augment: Augment | None = None) -> list[Batch]:
    return list(part.epoch(size, augment or Augment(), torch.Generator().manual_seed(seed), first))


@given(count=st.integers(1, 40), size=st.integers(1, 12))
def test_an_epoch_shows_every_image_at_most_once_in_full_batches(count: int, size: int) -> None:
    batches = epoch(numbered(count), size)
    labels = torch.cat([b.labels for b in batches]).tolist() if batches else []
    assert [len(b.labels) for b in batches] == [size] * (count // size)
    assert len(set(labels)) == len(labels) == count // size * size


def test_an_epoch_that_comes_out_even_shows_every_image_once() -> None:
    assert sorted(torch.cat([b.labels for b in epoch(numbered(24), 8)]).tolist()) == list(range(24))


def test_images_keep_their_labels() -> None:
    for batch in epoch(numbered(24), 8):
        assert torch.equal(batch.images[:, 0, 0, 0].long(), batch.labels)


@given(seed=st.integers(0, 1000), first=st.integers(0, 3))
def test_a_batch_is_the_same_whether_the_ones_before_it_were_handed_out(seed: int, first: int) -> None:
    augment = Augment(shift=1, flip=True)
    whole, rest = (epoch(numbered(24), 8, seed, at, augment) for at in (0, first))
    assert len(rest) == 3 - first
    for one, other in zip(whole[first:], rest, strict=True):
        assert torch.equal(one.images, other.images) and torch.equal(one.labels, other.labels)


def test_another_seed_is_another_order() -> None:
    one, same, other = (torch.cat([b.labels for b in epoch(numbered(24), 8, seed)]) for seed in (0, 0, 1))
    assert torch.equal(one, same) and not torch.equal(one, other)


def test_the_order_does_not_depend_on_the_augmentation() -> None:
    plain, augmented = (epoch(numbered(24), 8, 0, 0, augment) for augment in (Augment(), Augment(2, True)))
    assert all(torch.equal(a.labels, b.labels) for a, b in zip(plain, augmented, strict=True))


def test_images_are_shifted_within_bounds_and_padded_with_zeros() -> None:
    image = torch.arange(1, 10, dtype=torch.uint8).view(1, 1, 3, 3)
    down, right = torch.tensor([0, 1, 2, 0, 1]), torch.tensor([0, 1, 2, 2, 0])
    shifted = dataset.windows(image, 1)[torch.zeros(5, dtype=torch.int64), :, down, right][:, 0]
    assert shifted[0].tolist() == [[0, 0, 0], [0, 1, 2], [0, 4, 5]]
    assert shifted[1].tolist() == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
    assert shifted[2].tolist() == [[5, 6, 0], [8, 9, 0], [0, 0, 0]]
    assert shifted[3].tolist() == [[0, 0, 0], [2, 3, 0], [5, 6, 0]]
    assert shifted[4].tolist() == [[0, 1, 2], [0, 4, 5], [0, 7, 8]]


def test_every_shift_occurs_and_all_channels_move_together() -> None:
    image = torch.zeros(200, 2, 5, 5, dtype=torch.uint8)
    image[:, :, 2, 2] = 9
    part = Part(image, torch.zeros(200, dtype=torch.long), torch.zeros(1, 2, 1, 1), torch.ones(1, 2, 1, 1))
    (batch,) = epoch(part, 200, augment=Augment(shift=1))
    assert torch.equal(batch.images[:, 0], batch.images[:, 1])
    where = {tuple(point) for point in batch.images[:, 0].nonzero()[:, 1:].tolist()}
    assert where == {(row, column) for row in (1, 2, 3) for column in (1, 2, 3)}


def test_half_of_the_images_are_mirrored_left_to_right() -> None:
    image = torch.zeros(400, 1, 3, 3, dtype=torch.uint8)
    image[:, :, 0, 0] = 9
    part = Part(image, torch.zeros(400, dtype=torch.long), torch.zeros(1, 1, 1, 1), torch.ones(1, 1, 1, 1))
    (batch,) = epoch(part, 400, augment=Augment(flip=True))
    left, right = (batch.images[:, 0, 0, column].eq(9).sum().item() for column in (0, 2))
    assert left + right == 400 and 150 < left < 250


def test_pixels_are_normalised_a_channel() -> None:
    images = torch.tensor([[[[10]], [[100]]]], dtype=torch.uint8)
    part = Part(
        images, torch.zeros(1), torch.tensor([8.0, 50.0]).view(1, 2, 1, 1), torch.tensor([2.0, 25.0]).view(1, 2, 1, 1)
    )
    assert part.normalised(images).flatten().tolist() == [1.0, 2.0]
    assert images.flatten().tolist() == [10, 100]


def test_batches_in_order_end_with_an_uneven_one() -> None:
    batches = list(numbered(10).batches(4))
    assert [b.labels.tolist() for b in batches] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    """The digits, prepared."""
    path = tmp_path / "digits.safetensors"
    prepared_file.prepare("digits", tmp_path, path)
    return path


def test_a_prepared_dataset_is_read_back_and_normalised_by_its_training_part(prepared: Path) -> None:
    published = registry.load("dataset", "digits").read(prepared.parent)
    parts = prepared_file.load(prepared, ("train", "validation", "test"), CPU)
    for name, (images, labels) in published.items():
        assert torch.equal(parts[name].images, images) and torch.equal(parts[name].labels, labels)
    pixels = parts["train"].normalised(parts["train"].images)
    assert pixels.mean().item() == pytest.approx(0, abs=1e-4)
    assert pixels.std().item() == pytest.approx(1, abs=1e-3)
    assert torch.equal(parts["test"].mean, parts["train"].mean)


def test_only_the_parts_that_were_asked_for_are_read(prepared: Path) -> None:
    assert set(prepared_file.load(prepared, ("train", "validation"), CPU)) == {"train", "validation"}


def test_preparing_twice_gives_the_same_bytes_in_new_files(prepared: Path) -> None:
    """Another job may be reading the old ones, sum and all."""
    both = prepared, sum_of(prepared)
    before = [(path.read_bytes(), path.stat().st_ino) for path in both]
    prepared_file.prepare("digits", prepared.parent, prepared)
    for path, (content, number) in zip(both, before, strict=True):
        assert path.read_bytes() == content and path.stat().st_ino != number


@pytest.mark.parametrize("damage", [lambda blob: blob[:-100], lambda blob: blob[:-1] + bytes([blob[-1] ^ 1])])
def test_a_prepared_file_that_was_altered_is_refused_with_both_sums(prepared: Path, damage: object) -> None:
    expected = hashlib.sha256(prepared.read_bytes()).hexdigest()
    prepared.write_bytes(damage(prepared.read_bytes()))
    found = hashlib.sha256(prepared.read_bytes()).hexdigest()
    with pytest.raises(ValueError) as caught:
        prepared_file.load(prepared, ("train",), CPU)
    assert all(part in str(caught.value) for part in (str(prepared), expected, found))


def idx(values: Tensor, magic: bytes = b"\0\0\x08") -> bytes:
    sizes = b"".join(size.to_bytes(4, "big") for size in values.shape)
    return gzip.compress(magic + bytes([values.dim()]) + sizes + bytes(values.flatten().tolist()), mtime=0)


NAMES = ("train-images.gz", "train-labels.gz", "test-images.gz", "test-labels.gz")


def published(folder: Path, magic: bytes = b"\0\0\x08") -> tuple[Mapping[str, str], list[Tensor]]:
    """Four tiny IDX files and their sums: 6 training images of 2x3, 2 test images."""
    folder.mkdir(exist_ok=True)
    tensors = [torch.arange(36).view(6, 2, 3), torch.arange(6), torch.arange(12).view(2, 2, 3) + 90, torch.arange(2)]
    sums = {}
    for name, values in zip(NAMES, tensors, strict=True):
        blob = idx(values, magic)
        (folder / name).write_bytes(blob)
        sums[name] = hashlib.sha256(blob).hexdigest()
    return sums, tensors


def test_idx_files_are_read_and_the_last_training_images_validate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_idx, "VALIDATION", 2)
    sums, (images, _, test_images, test_labels) = published(tmp_path / "raw")
    parts = _idx.read("MNIST", tmp_path / "raw", tmp_path / "system", sums)
    assert torch.equal(parts["train"][0], images[:4, None].byte()) and parts["train"][1].tolist() == [0, 1, 2, 3]
    assert torch.equal(parts["validation"][0], images[4:, None].byte()) and parts["validation"][1].tolist() == [4, 5]
    assert torch.equal(parts["test"][0], test_images[:, None].byte()) and torch.equal(
        parts["test"][1], test_labels.byte()
    )


def test_idx_files_are_found_in_the_systems_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_idx, "VALIDATION", 2)
    sums, _ = published(tmp_path / "system")
    assert len(_idx.read("MNIST", tmp_path / "raw", tmp_path / "system", sums)["train"][0]) == 4


def test_files_that_are_not_idx_are_refused_by_name(tmp_path: Path) -> None:
    sums, _ = published(tmp_path, magic=b"\0\0\x0d")
    with pytest.raises(ValueError, match=r"train-images.gz is not an IDX file of bytes"):
        _idx.read("MNIST", tmp_path, tmp_path, sums)


@pytest.mark.parametrize("name", NAMES)
def test_an_altered_idx_file_is_refused_with_both_sums(tmp_path: Path, name: str) -> None:
    sums, _ = published(tmp_path)
    (tmp_path / name).write_bytes(idx(torch.arange(3)))
    found = hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()
    with pytest.raises(ValueError) as caught:
        _idx.read("MNIST", tmp_path, tmp_path, sums)
    assert all(part in str(caught.value) for part in (name, sums[name], found))


def test_files_that_cannot_be_had_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr("torchvision.datasets.utils.download_url", unreachable)
    with pytest.raises(ValueError, match=r"a\.gz .*cannot be downloaded \(no network\)"):
        _idx.read("FashionMNIST", tmp_path, tmp_path, {"a.gz": "0"})
