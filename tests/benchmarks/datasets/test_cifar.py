"""CIFAR from both of its forms: the same parts in the same order, by the same sums; another archive is refused."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from benchmarks.data import prepared
from benchmarks.datasets import cifar10, cifar10_small
from tests.benchmarks.datasets import tiny
from tests.benchmarks.datasets.tiny import _cifar as small

Made = Callable[[str], ModuleType]
BOTH = pytest.mark.parametrize("key", ["cifar10", "cifar100"])


@BOTH
@pytest.mark.parametrize("form", ["folder", "zip"])
def test_every_form_gives_the_same_prepared_file(key: str, form: str, raw: Path, made: Made) -> None:
    module = made(key)
    prepared.write(raw / "archive.safetensors", module.read(raw))
    small.put(raw, small.by_class(module.CLASSES), form)
    prepared.write(raw / "images.safetensors", module.read(raw))
    assert (raw / "archive.safetensors").read_bytes() == (raw / "images.safetensors").read_bytes()


@BOTH
def test_images_are_split_in_the_order_of_their_sums(key: str, raw: Path, made: Made) -> None:
    module = made(key)
    records = small.published(module.CLASSES, "TRAIN")
    ordered = sorted(records, key=lambda record: hashlib.sha256(record[1:].tobytes()).digest())
    parts = module.read(raw)
    for label in range(module.CLASSES):
        expected = torch.from_numpy(np.stack([r[1:] for r in ordered if r[0] == label])).view(-1, 3, 32, 32)
        for part, images in (("train", expected[:3]), ("validation", expected[3:])):
            assert torch.equal(parts[part][0][parts[part][1] == label], images)
    assert all(len(parts[part][1]) == n * module.CLASSES for part, n in (("train", 3), ("validation", 1), ("test", 2)))


def test_the_archive_comes_first_and_a_zip_before_folders(raw: Path, made: Made) -> None:
    module = made("cifar10")
    files = small.by_class(10)
    (raw / "train").mkdir()
    module.read(raw)
    small.put(raw, files, "zip")
    module.read(raw)


def test_folders_may_lie_in_another_and_hidden_files_are_no_images(raw: Path, made: Made) -> None:
    module = made("cifar10")
    expected = module.read(raw)["train"][0]
    files = {f"CIFAR-main/{name}": blob for name, blob in small.by_class(10).items()}
    small.put(raw, files | {"__MACOSX/train/class_00/._99.png": b"no image"}, "zip")
    assert torch.equal(module.read(raw)["train"][0], expected)
    (raw / "any name.zip").unlink()
    small.put(raw, files | {"CIFAR-main/train/class_00/._99.png": b"no image"})
    assert torch.equal(module.read(raw)["train"][0], expected)


def test_what_may_be_put_there_is_said_where_nothing_can_be_had(raw: Path, made: Made) -> None:
    module = made("cifar10")
    small.put(raw, {})
    with pytest.raises(
        ValueError, match=r"put the files cifar-10-binary\.tar\.gz there, or images by class, train/<cl"
    ):
        module.read(raw)


def relabelled(label: int) -> Callable[[dict[str, bytes]], None]:
    def change(files: dict[str, bytes]) -> None:
        name = next(iter(files))
        files[name] = bytes([label]) + files[name][1:]

    return change


def resized(*sizes: int) -> Callable[[dict[str, bytes]], None]:
    """Members that are so many bytes longer or shorter."""

    def change(files: dict[str, bytes]) -> None:
        for name, by in zip(list(files), sizes, strict=False):
            files[name] = files[name] + bytes(by) if by > 0 else files[name][:by]

    return change


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (relabelled(10), "class number 10, allowed are 0 to 9"),
        (relabelled(77), "class number 77, allowed are 0 to 9"),
        (relabelled(255), "class number 255, allowed are 0 to 9"),
        (resized(5, -5), r"data_batch_1\.bin in .* no multiple of 3073"),
        (resized(-3073), "must be 4; some are missing"),
        (lambda files: files.update(dict.fromkeys(list(files)[:-1], b"")), "0 of class 0, must be 4; some are missing"),
        (lambda files: files.clear(), r"has no file cifar-10-batches-bin/data_batch_1\.bin"),
    ],
)
def test_an_archive_of_other_records_is_refused(
    damage: Callable[[dict[str, bytes]], object],
    said: str,
    raw: Path,
    made: Made,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = made("cifar10")
    members = [*module.TRAIN.members, *module.TEST.members]
    records = [*np.array_split(small.published(10, "TRAIN"), 5), small.published(10, "TEST")]
    files = {name: small.binary(part) for name, part in zip(members, records, strict=True)}
    damage(files)
    small.write_archive(module, raw, files, monkeypatch)
    with pytest.raises(ValueError, match=said) as caught:
        module.read(raw)
    assert str(raw) in str(caught.value) and "\n" not in str(caught.value)


def test_a_truncated_archive_is_named(raw: Path, made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    module = made("cifar10")
    path = raw / "cifar-10-binary.tar.gz"
    path.write_bytes(path.read_bytes()[:-2000])
    tiny.pin(module, raw, monkeypatch)
    with pytest.raises(ValueError, match=r"cifar-10-binary\.tar\.gz is truncated or altered"):
        module.read(raw)


@pytest.mark.parametrize("key", ["cifar10_small", "cifar10_few"])
def test_the_smaller_ones_have_the_first_images_of_a_class(key: str, raw: Path, made: Made) -> None:
    module = made(key)
    parts, whole = module.read(raw), cifar10.read(raw.with_name("cifar10"))
    assert all(torch.equal(parts[part][0], whole[part][0]) for part in ("validation", "test"))
    for label in range(10):
        images, of = parts["train"], whole["train"]
        assert torch.equal(images[0][images[1] == label], of[0][of[1] == label][:2])


def test_the_noisy_one_exchanges_training_labels_alone(raw: Path, made: Made) -> None:
    module = made("cifar10_noisy")
    parts, clean = module.read(raw), cifar10_small.read(raw.with_name("cifar10_small"))
    assert all(torch.equal(parts[part][1], clean[part][1]) for part in ("validation", "test"))
    assert all(torch.equal(parts[part][0], clean[part][0]) for part in parts)
    labels, right = parts["train"][1], clean["train"][1]
    assert 0 < (labels != right).sum() <= round(module.SHARE * len(right))
    assert torch.equal(labels.bincount(), right.bincount())
    assert torch.equal(labels, module.read(raw)["train"][1]), "the same ones every time"
