"""Every dataset's own reader, on tiny files of the published form that are written here, whole and damaged.

The published archives are not needed. What is checked on those that are here is in datasets/test_every_dataset.py.
"""

from __future__ import annotations

import hashlib
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from benchmarks import registry
from benchmarks.datasets import _files, _images
from tests.benchmarks.datasets import tiny

KEYS = registry.keys("dataset")
PARTS = ["train", "validation", "test"]
DOWNLOADED = [key for key in KEYS if hasattr(registry.load("dataset", key), "SHA256")]


def whole(images: Tensor | _images.Decoded) -> Tensor:
    return images if isinstance(images, Tensor) else images.tensor()


@pytest.mark.parametrize("key", KEYS)
class TestEveryDataset:
    def test_has_three_parts_of_square_bytes_with_labels(
        self, key: str, raw: Path, made: Callable[[str], ModuleType]
    ) -> None:
        module = made(key)
        parts = module.read(raw)
        assert list(parts) == PARTS
        for images, labels in parts.values():
            assert whole(images).dtype == torch.uint8 and whole(images).shape == images.shape
            assert images.shape == (len(labels), *module.SHAPE) and len(labels) > 0
        classes = list(range(module.CLASSES))
        assert all(labels.unique().tolist() == classes for _, labels in parts.values())

    def test_is_prepared_and_loaded(
        self, key: str, raw: Path, made: Callable[[str], ModuleType], tmp_path: Path
    ) -> None:
        from benchmarks.data import prepared
        from benchmarks.data.prepared import load

        parts = made(key).read(raw)
        prepared.write(tmp_path / "prepared.safetensors", parts)
        loaded = load(tmp_path / "prepared.safetensors", tuple(PARTS), torch.device("cpu"))
        for part, (images, labels) in parts.items():
            assert torch.equal(loaded[part].images, whole(images)) and torch.equal(loaded[part].labels, labels.long())

    def test_says_where_it_is_from_how_it_is_split_and_normalised(
        self, key: str, raw: Path, made: Callable[[str], ModuleType]
    ) -> None:
        doc = registry.load("dataset", key).__doc__ or ""
        for word in ("Source: ", "Split: ", "ormalisation", "ugmentation"):
            assert word in doc, f"{key} does not say: {word}"


@pytest.mark.parametrize("key", DOWNLOADED)
class TestFilesThatAreWrong:
    @pytest.mark.parametrize("damage", [lambda blob: blob[:-20], lambda blob: blob[:-1] + bytes([blob[-1] ^ 1])])
    def test_a_truncated_or_altered_one_is_named_with_both_sums(
        self, key: str, raw: Path, made: Callable[[str], ModuleType], damage: Callable[[bytes], bytes]
    ) -> None:
        module = made(key)
        name, expected = list(module.SHA256.items())[-1]
        (raw / name).write_bytes(damage((raw / name).read_bytes()))
        found = hashlib.sha256((raw / name).read_bytes()).hexdigest()
        with pytest.raises(ValueError, match="truncated or altered") as caught:
            module.read(raw)
        assert all(part in str(caught.value) for part in (str(raw / name), expected, found))

    def test_one_that_is_not_there_and_cannot_be_had_is_named(
        self, key: str, raw: Path, made: Callable[[str], ModuleType]
    ) -> None:
        module = made(key)
        name = next(iter(module.SHA256))
        (raw / name).unlink()
        with pytest.raises(
            ValueError, match=rf"{re.escape(name)} is not in .*cannot be downloaded \(no network\); put"
        ):
            module.read(raw)
        assert not (raw / f"{name}.part").exists()

    def test_its_sums_are_sha256(self, key: str) -> None:
        sums = registry.load("dataset", key).SHA256
        assert all(re.fullmatch("[0-9a-f]{64}", found) for found in sums.values())
        assert len(set(sums.values())) == len(sums)


def test_a_mirror_that_gives_another_file_is_not_taken(raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def download(url: str, root: str, filename: str) -> None:
        (Path(root) / filename).write_bytes(b"whole" if "second" in url else b"<html>Not here</html>")

    monkeypatch.setattr("torchvision.datasets.utils.download_url", download)
    sums = {"a": hashlib.sha256(b"whole").hexdigest()}
    assert _files.fetch(raw, lambda name: [f"first/{name}", f"second/{name}"], sums) == [raw / "a"]
    assert (raw / "a").read_bytes() == b"whole"
    (raw / "a").unlink()
    found = hashlib.sha256(b"<html>Not here</html>").hexdigest()
    with pytest.raises(
        ValueError, match=rf"a is not in .*first/a gives another file: .*found {found}\); put the files a"
    ):
        _files.fetch(raw, lambda name: [f"first/{name}"], sums)
    assert not list(raw.iterdir())


def test_a_download_is_whole_or_not_there(raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def download(url: str, root: str, filename: str) -> None:
        asked.append(url)
        (Path(root) / filename).write_bytes(b"half" if "first" in url else b"whole")
        if "first" in url:
            raise OSError("cut off")

    monkeypatch.setattr("torchvision.datasets.utils.download_url", download)
    sums = {"a": hashlib.sha256(b"whole").hexdigest()}
    for _ in range(2):  # the second time it is there
        assert _files.fetch(raw, lambda name: [f"first/{name}", f"second/{name}"], sums) == [raw / "a"]
    assert asked == ["first/a", "second/a"] and [p.name for p in raw.iterdir()] == ["a"]


def test_emnist_is_turned_upright(raw: Path, made: Callable[[str], ModuleType]) -> None:
    parts = made("emnist").read(raw)
    published = torch.from_numpy(tiny.pixels(94, 28, 28))
    assert torch.equal(parts["train"][0][:, 0], published[:47].transpose(1, 2))
    assert torch.equal(parts["validation"][0][:, 0], published[47:].transpose(1, 2))


def test_svhn_calls_ten_zero_and_puts_the_image_first(raw: Path, made: Callable[[str], ModuleType]) -> None:
    parts = made("svhn").read(raw)
    assert parts["train"][1].tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0]
    published = tiny.pixels(32, 32, 3, 20)
    assert parts["train"][0][4, 2, 7, 9] == published[7, 9, 2, 4]


def test_tiny_imagenet_is_split_by_name_and_tested_on_its_validation(
    raw: Path, made: Callable[[str], ModuleType]
) -> None:
    parts = made("tiny_imagenet").read(raw)
    shades = {part: images[:, 0, 0, 0].tolist() for part, (images, _) in parts.items()}
    assert shades == {"train": [0, 1, 2, 10, 11, 12, 20, 21, 22], "validation": [3, 13, 23], "test": [100, 101, 102]}
    assert parts["test"][1].tolist() == [0, 1, 2] and (parts["test"][0][:, 2] == 200).all()


def test_tiny_imagenet_is_read_from_its_folder_too(raw: Path, made: Callable[[str], ModuleType]) -> None:
    module = made("tiny_imagenet")
    archived = module.read(raw)
    with zipfile.ZipFile(raw / "tiny-imagenet-200.zip") as archive:
        archive.extractall(raw)
    (raw / "tiny-imagenet-200.zip").unlink()
    for part, (images, labels) in module.read(raw).items():
        assert torch.equal(images, archived[part][0]) and torch.equal(labels, archived[part][1])
    (raw / module.TOP / "train/n00000001/images/n00000001_2.JPEG").unlink()
    with pytest.raises(ValueError, match=r"tiny-imagenet-200/train.*n00000001 has 3 images, must have 4"):
        module.read(raw)


def test_mini_imagenet_has_every_class_in_every_part(raw: Path, made: Callable[[str], ModuleType]) -> None:
    parts = made("mini_imagenet").read(raw)
    shades = {part: images[:, 0, 0, 0].tolist() for part, (images, _) in parts.items()}
    assert shades == {
        "train": [0, 1, 2, 10, 11, 12, 20, 21, 22],
        "validation": [3, 13, 23],
        "test": [4, 5, 14, 15, 24, 25],
    }
    assert parts["train"][0].shape[2:] == (84, 84)


def test_mini_imagenet_is_pinned_when_it_is_first_used(raw: Path, made: Callable[[str], ModuleType]) -> None:
    module = made("mini_imagenet")
    module.read(raw)
    path = raw / module.ARCHIVE
    expected = hashlib.sha256(path.read_bytes()).hexdigest()
    assert path.with_name("mini-imagenet.zip.sha256").read_text() == f"{expected}  mini-imagenet.zip\n"
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(ValueError, match=f"expected sha256 {expected}"):
        module.read(raw)


def test_mini_imagenet_is_read_from_folders_too(raw: Path, made: Callable[[str], ModuleType]) -> None:
    module = made("mini_imagenet")
    archived = module.read(raw)
    with zipfile.ZipFile(raw / module.ARCHIVE) as archive:
        archive.extractall(raw)
    (raw / module.ARCHIVE).unlink()
    for part, (images, labels) in module.read(raw).items():
        assert torch.equal(images, archived[part][0]) and torch.equal(labels, archived[part][1])


@pytest.mark.parametrize("key", ["mini_imagenet", "imagenet"])
def test_what_nobody_may_hand_on_must_be_brought(key: str, raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IMAGENET", raising=False)
    with pytest.raises(ValueError, match=r"cannot be downloaded.*found 0") as caught:
        registry.load("dataset", key).read(raw / "missing")
    assert str(raw / "missing") in str(caught.value) and "\n" not in str(caught.value)


def test_imagenet_is_where_the_environment_says(
    raw: Path, made: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    module = made("imagenet")
    monkeypatch.setenv("IMAGENET", str(raw))
    parts = module.read(raw / "missing")
    assert {part: whole(images)[:, 0, 0, 0].tolist() for part, (images, _) in parts.items()} == {
        "train": [0, 1, 2, 10, 11, 12, 20, 21, 22],
        "validation": [3, 13, 23],
        "test": [0, 10, 20],
    }


def test_imagenet_without_a_class_in_val_is_refused(raw: Path, made: Callable[[str], ModuleType]) -> None:
    module = made("imagenet")
    (raw / "val/n1/0.JPEG").unlink()
    with pytest.raises(ValueError, match="found 3 and 2"):
        module.read(raw)


def test_an_image_is_cut_and_resized_as_the_literature_does(tmp_path: Path) -> None:
    from PIL import Image
    from torchvision.transforms import CenterCrop, Compose, Resize

    from benchmarks.datasets import imagenet

    picture = Image.fromarray(tiny.pixels(512, 640, 3))
    picture.save(tmp_path / "a.png")
    (image,) = _images.Decoded(tmp_path, ("a.png",), imagenet.SIDE, imagenet.MARGIN).tensor()
    usual = np.array(Compose([Resize(256), CenterCrop(224)])(picture)).transpose(2, 0, 1)
    assert image.shape == (3, 224, 224) and (image.int() - torch.from_numpy(usual).int()).abs().max() <= 1


def test_a_file_that_is_no_image_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"text")
    with pytest.raises(ValueError, match=r"a\.png in .* is no image that can be read"):
        _images.Decoded(tmp_path, ("a.png",), 8).tensor()


@given(counts=st.lists(st.integers(2, 6), min_size=1, max_size=4), held=st.integers(0, 2))
def test_the_last_of_every_class_are_held_out(counts: list[int], held: int) -> None:
    listed = _images.labelled({f"c{c}": [f"c{c}/{i}" for i in range(n)] for c, n in enumerate(counts)})
    rest, out = _images.hold_out(listed, held)
    assert sorted(rest[0] + out[0]) == sorted(listed[0])
    assert out[0] == [f"c{c}/{i}" for c, n in enumerate(counts) for i in range(n - held, n)]
    assert all(
        int(name[1]) == label for names, labels in (rest, out) for name, label in zip(names, labels, strict=True)
    )


def test_the_coarse_classes_are_kinds_of_garment(raw: Path, made: Callable[[str], ModuleType]) -> None:
    coarse = made("fashion_mnist_coarse")
    from torchvision.datasets import FashionMNIST

    names = ["tops", "trousers", "dresses", "shoes", "bags"]
    found = dict(zip(FashionMNIST.classes, (names[group] for group in coarse.GROUPS), strict=True))
    assert found == {
        "T-shirt/top": "tops", "Pullover": "tops", "Coat": "tops", "Shirt": "tops", "Trouser": "trousers",
        "Dress": "dresses", "Sandal": "shoes", "Sneaker": "shoes", "Ankle boot": "shoes", "Bag": "bags",
    }  # fmt: skip


def test_the_small_one_has_every_tenth_image_of_a_class(
    raw: Path, made: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    module = made("fashion_mnist_small")
    monkeypatch.setattr(module, "EVERY", 2)  # of the two images that every class has
    whole_parts, parts = module.fashion_mnist.read(raw.with_name("fashion_mnist")), module.read(raw)
    assert torch.equal(parts["train"][0], whole_parts["train"][0][:10])
    assert all(torch.equal(parts[p][0], whole_parts[p][0]) for p in ("validation", "test"))
