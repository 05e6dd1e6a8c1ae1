"""The IDX files of the MNIST family: found in the data folder, in a system folder, or downloaded; then checked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from benchmarks.data import Splits, check_sha256

VALIDATION = 5000


def read(dataset: str, raw: Path, system: Path, sha256: Mapping[str, str]) -> Splits:
    """The last 5,000 training images are for validation.

    dataset: torchvision's name of the class. sha256: of the four gzip files, training images first.
    Raises ValueError, naming file, expected and found sha256, if one is truncated or altered.
    """
    folder = next((f for f in (raw, system) if all((f / name).exists() for name in sha256)), raw)
    if not all((folder / name).exists() for name in sha256):
        folder = _download(dataset, raw, sha256)
    for name, expected in sha256.items():
        check_sha256(folder / name, expected)
    images, labels, test_images, test_labels = (_tensor(folder / name) for name in sha256)
    return {
        "train": (images[:-VALIDATION, None], labels[:-VALIDATION]),
        "validation": (images[-VALIDATION:, None], labels[-VALIDATION:]),
        "test": (test_images[:, None], test_labels),
    }


def _download(dataset: str, raw: Path, names: Mapping[str, str]) -> Path:
    """By torchvision, from its mirrors; a file that is there already is not fetched again."""
    import torchvision.datasets
    from torchvision.datasets.utils import download_url

    source = getattr(torchvision.datasets, dataset)
    raw.mkdir(parents=True, exist_ok=True)
    for name in names:
        for mirror in source.mirrors:
            try:
                download_url(mirror + name, root=str(raw))
                break
            except OSError as error:
                failure = error
        else:
            raise ValueError(
                f"{name} is not in {raw} and cannot be downloaded ({failure}); put the files {', '.join(names)} there"
            ) from failure
    return raw


def _tensor(path: Path) -> torch.Tensor:
    """uint8 tensor of a gzipped IDX file: bytes 0, 0, type, rank; big-endian sizes; values."""
    import gzip

    blob = gzip.decompress(path.read_bytes())
    if blob[:3] != b"\0\0\x08":
        raise ValueError(f"{path} is not an IDX file of bytes: it begins with {blob[:4]!r}, not 00 00 08")
    rank = blob[3]
    shape = [int.from_bytes(blob[4 * i + 4 : 4 * i + 8], "big") for i in range(rank)]
    return torch.frombuffer(bytearray(blob), dtype=torch.uint8, offset=4 + 4 * rank).view(shape)
