"""A dataset that is not what its file says is refused before anything is written."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from benchmarks import registry
from benchmarks.data import prepared

SIZES = {"train": 6, "validation": 3, "test": 4}


def module(parts: Any, **said: Any) -> ModuleType:
    """A dataset of three classes and 4x4 grey images."""
    made = ModuleType("made")
    for name, value in (
        {"CLASSES": 3, "SHAPE": (1, 4, 4), "IMAGES": (6, 3, 4), "read": lambda raw: parts} | said
    ).items():
        setattr(made, name, value)
    return made


def parts(**changed: Any) -> dict[str, Any]:
    whole = {part: (torch.zeros(n, 1, 4, 4, dtype=torch.uint8), torch.arange(n) % 3) for part, n in SIZES.items()}
    return whole | changed


IMAGES, LABELS = torch.zeros(3, 1, 4, 4, dtype=torch.uint8), torch.arange(3)
WRONG = [
    (parts(validation=(IMAGES, LABELS + 1)), {}, "validation labels are 1 to 3; CLASSES allows 0 to 2"),
    (parts(validation=(IMAGES, LABELS - 1)), {}, "validation labels are -1 to 1; CLASSES allows 0 to 2"),
    (parts(validation=(IMAGES, LABELS.float())), {}, "validation labels are torch.float32; must be integers"),
    (parts(validation=(IMAGES, LABELS.tolist())), {}, "validation labels are a list; must be a tensor"),
    (parts(validation=(IMAGES, LABELS[:2])), {}, "validation has 3 images and labels of shape (2,)"),
    (parts(validation=(IMAGES[:0], LABELS[:0])), {}, "validation has 0 images"),
    (parts(validation=(IMAGES.float(), LABELS)), {}, "validation images are torch.float32; must be torch.uint8"),
    (parts(validation=(IMAGES[:, :, :3], LABELS)), {}, "validation images have shape (1, 3, 4); SHAPE says (1, 4, 4)"),
    (parts(), {"SHAPE": (1, 8, 16)}, "SHAPE is (1, 8, 16); must be channels, height and width of a square image"),
    (parts(), {"IMAGES": (6, 3, 5)}, "the parts have (6, 3, 4) images; IMAGES says (6, 3, 5)"),
    ({"train": (IMAGES, LABELS)}, {}, "read gives the parts train; must be train, validation, test"),
]


@pytest.mark.parametrize(("found", "said", "why"), WRONG)
def test_one_that_does_not_fit_its_file_is_refused_by_name(
    found: Any, said: dict[str, Any], why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "load", lambda kind, key: module(found, **said))
    with pytest.raises(ValueError) as caught:
        prepared.prepare("mine", tmp_path, tmp_path / "mine.safetensors")
    assert str(caught.value).startswith(f"dataset mine: {why}") and not list(tmp_path.iterdir())


def test_one_that_fits_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "load", lambda kind, key: module(parts()))
    prepared.prepare("mine", tmp_path, tmp_path / "mine.safetensors")
    read = prepared.load(tmp_path / "mine.safetensors", tuple(SIZES), torch.device("cpu"))
    assert {part: len(each) for part, each in read.items()} == SIZES
