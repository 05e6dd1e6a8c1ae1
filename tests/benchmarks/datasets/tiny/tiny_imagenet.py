"""One zip, with a list of the labels of its validation images."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from tests.benchmarks.datasets.tiny import pin, png, zipped


def make(module: ModuleType, raw: Path, patch: pytest.MonkeyPatch) -> None:
    classes = [f"n{i:08d}" for i in range(3)]
    top = module.TOP
    files = {
        f"{top}/train/{c}/images/{c}_{i}.JPEG": png(10 * n + i, 64) for n, c in enumerate(classes) for i in range(4)
    }
    files |= {f"{top}/val/images/val_{n}.JPEG": png(100 + n, 64) for n in range(3)}
    lines = [f"val_{n}.JPEG\t{c}\t0\t0\t63\t63\n" for n, c in enumerate(classes)]
    files[f"{top}/val/val_annotations.txt"] = "".join(lines).encode()
    files[f"{top}/wnids.txt"] = b"in no order"
    zipped(raw / "tiny-imagenet-200.zip", files)
    patch.setattr(module, "CLASSES", 3)
    patch.setattr(module, "EACH", 4)
    patch.setattr(module, "VALIDATION", 1)
    pin(module, raw, patch)
