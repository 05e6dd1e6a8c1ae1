"""What is asked of every dataset that is found and can be read here."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from benchmarks import registry
from benchmarks.data.dataset import Augment, Splits
from benchmarks.registry import ROOT


@pytest.fixture(scope="session")
def read() -> Any:
    """The three parts of a dataset, read once; skipped where its files are neither in data/raw nor in a package."""
    cached: dict[str, Splits] = {}

    def unreachable(*_: object, **__: object) -> None:
        raise OSError("tests download nothing")

    def get(dataset: str) -> Splits:
        raw = ROOT / "data/raw" / dataset
        if dataset not in cached:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("torchvision.datasets.utils.download_url", unreachable)
                try:
                    cached[dataset] = registry.load("dataset", dataset).read(raw)
                except (ValueError, FileNotFoundError) as error:
                    if raw.exists():
                        raise
                    pytest.skip(f"{dataset} is not here: {error}")
        if not all(isinstance(images, Tensor) for images, _ in cached[dataset].values()):
            pytest.skip(f"{dataset} is too large to be held in memory")
        return cached[dataset]

    return get


@pytest.mark.parametrize("dataset", registry.keys("dataset"))
class TestEveryDataset:
    def test_says_where_it_is_from_and_how_it_is_split(self, dataset: str) -> None:
        doc = registry.load("dataset", dataset).__doc__
        assert "Source:" in doc and "Split:" in doc

    def test_says_its_classes_and_augmentation(self, dataset: str) -> None:
        module = registry.load("dataset", dataset)
        assert module.CLASSES >= 2
        assert isinstance(module.AUGMENT, Augment)

    def test_has_square_images_of_bytes_and_a_label_each(self, dataset: str, read: Any) -> None:
        parts = read(dataset)
        assert list(parts) == ["train", "validation", "test"]
        shapes = {images.shape[1:] for images, _ in parts.values()}
        ((channels, height, width),) = shapes
        assert channels in (1, 3) and height == width
        for images, labels in parts.values():
            assert images.dtype == torch.uint8 and len(images) == len(labels)

    def test_has_every_class_in_every_part(self, dataset: str, read: Any) -> None:
        classes = list(range(registry.load("dataset", dataset).CLASSES))
        assert all(labels.unique().tolist() == classes for _, labels in read(dataset).values())

    def test_uses_the_range_of_a_byte(self, dataset: str, read: Any) -> None:
        """Pixels that were scaled to 0..1 or 0..16 before they became bytes do not."""
        images: Tensor = read(dataset)["train"][0]
        assert int(images.max()) - int(images.min()) >= 128

    def test_has_the_sizes_that_it_says(self, dataset: str, read: Any) -> None:
        module = registry.load("dataset", dataset)
        parts = read(dataset).values()
        assert tuple(len(labels) for _, labels in parts) == module.IMAGES
        assert {tuple(images.shape[1:]) for images, _ in parts} == {module.SHAPE}


def test_the_digits_are_split_by_class_and_no_image_is_in_two_parts(read: Any) -> None:
    from sklearn.datasets import load_digits

    parts = read("digits")
    for images, labels in parts.values():
        shares = labels.bincount() / len(labels)
        assert shares.min() > 0.09 and shares.max() < 0.11
        assert len(images) > 0
    rows = torch.cat([images.flatten(1) for images, _ in parts.values()])
    published = torch.from_numpy(load_digits().images * (255 / 16)).round().byte().flatten(1)
    assert sorted(rows.tolist()) == sorted(published.tolist()), (
        "the parts together are the published set, each image once"
    )
