"""Images by class that are not those of CIFAR: refused with the reason, of either dataset and in either form."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from tests.benchmarks.datasets import tiny
from tests.benchmarks.datasets.tiny import _cifar as small

Made = Callable[[str], ModuleType]
Files = dict[str, bytes]
BOTH = pytest.mark.parametrize("key", ["cifar10", "cifar100"])
FORMS = pytest.mark.parametrize("form", ["folder", "zip"])
FIRST = "train/class_00/999.png"
OF_CLASS_1 = "train/class_01/998.png"


def refused(module: ModuleType, raw: Path, files: Files, form: str) -> str:
    """The reason, on one line that names the place."""
    small.put(raw, files, form)
    with pytest.raises(ValueError) as caught:
        module.read(raw)
    assert str(raw) in str(caught.value) and "\n" not in str(caught.value)
    return str(caught.value)


def of(files: Files, folder: str) -> list[str]:
    return sorted(name for name in files if name.startswith(f"{folder}/"))


def jpeg(files: Files) -> None:
    files[FIRST] = tiny.saved(tiny.pixels(3, 32, 32), "JPEG")


def resized(files: Files) -> None:
    files[FIRST] = tiny.png(1, 64)


def cut_off(files: Files) -> None:
    files[FIRST] = files[FIRST][:99]


def halved(blob: bytes) -> bytes:
    """A PNG file with half of the shades."""
    with Image.open(io.BytesIO(blob)) as image:
        return tiny.saved(np.asarray(image).transpose(2, 0, 1) // 2 * 2, "PNG")


def lossy(files: Files) -> None:
    files[FIRST] = halved(files[FIRST])


def missing(files: Files) -> None:
    del files[FIRST]


def doubled(files: Files) -> None:
    files["test/class_03/a.png"] = files[FIRST]


def doubled_in_place_of_another(files: Files) -> None:
    files[FIRST] = files[of(files, "train/class_00")[0]]


def swapped(files: Files) -> None:
    files[FIRST], files[OF_CLASS_1] = files[OF_CLASS_1], files[FIRST]


def swapped_classes(files: Files) -> None:
    for one, other in zip(of(files, "test/class_00"), of(files, "test/class_01"), strict=True):
        files[one], files[other] = files[other], files[one]


@BOTH
@FORMS
@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (jpeg, "is a JPEG file of 32x32 pixels; only PNG files of 32x32 hold the published pixels"),
        (resized, "is a PNG file of 64x64 pixels; only"),
        (cut_off, "is no image that can be read"),
        (lossy, "pixels were lost to JPEG or resizing before they were saved"),
        (missing, "train images: 3 of class 0, must be 4; some are missing"),
        (doubled, "test images: 3 of class 3, must be 2; some are doubled"),
        (doubled_in_place_of_another, "as many others are missing"),
        (swapped, "images lie in the folder of another class"),
        (swapped_classes, "images lie in the folder of another class"),
    ],
)
def test_other_images_are_refused_with_the_reason(
    damage: Callable[[Files], None], said: str, form: str, key: str, raw: Path, made: Made
) -> None:
    module = made(key)
    files = small.by_class(module.CLASSES)
    damage(files)
    assert said in refused(module, raw, files, form)


def no_folder(files: Files) -> None:
    for name in of(files, "train/class_03"):
        del files[name]


def no_folder_and_a_jpeg(files: Files) -> None:
    jpeg(files)
    for name in of(files, "test/class_03"):
        del files[name]


def another_folder(files: Files) -> None:
    files["test/dog/a.png"] = files[FIRST]


def no_image(files: Files) -> None:
    files.clear()
    files["train/class_00/read me.txt"] = b""


@BOTH
@FORMS
@pytest.mark.parametrize(
    ("damage", "part", "more"),
    [(no_folder, "train", -1), (no_folder_and_a_jpeg, "test", -1), (another_folder, "test", 1), (no_image, "train", 0)],
)
def test_class_folders_are_counted_before_anything_else(
    damage: Callable[[Files], None], part: str, more: int, form: str, key: str, raw: Path, made: Made
) -> None:
    module = made(key)
    files = small.by_class(module.CLASSES)
    damage(files)
    found = module.CLASSES + more if more else 0
    said = f"{part} images: found {found} class folders with images, expected {module.CLASSES}"
    assert said in refused(module, raw, files, form)


def test_where_all_pixels_are_lost_the_images_that_occur_twice_are_not_doubled(raw: Path, made: Made) -> None:
    module = made("cifar100")
    files = {name: halved(blob) for name, blob in small.by_class(module.CLASSES).items()}
    assert "pixels were lost to JPEG or resizing before they were saved" in refused(module, raw, files, "zip")


def test_a_zip_that_is_cut_off_is_refused(raw: Path, made: Made) -> None:
    module = made("cifar10")
    small.put(raw, small.by_class(10), "zip")
    path = raw / "any name.zip"
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ValueError, match=r"any name\.zip \(\d+ bytes\) is no whole zip archive"):
        module.read(raw)
