"""The files of a dataset as published: found in the data folder, or downloaded; checked before they are opened."""

from __future__ import annotations

import gzip
import hashlib
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from benchmarks.data.checksum import check_sha256
from benchmarks.machine.files import write_atomically

DAMAGED = (EOFError, gzip.BadGzipFile, tarfile.TarError, zipfile.BadZipFile, zlib.error)
"""What reading a compressed file raises where its bytes are not whole."""


def fetch(
    raw: Path, where: Callable[[str], Iterable[str]], sha256: Mapping[str, str], otherwise: str = ""
) -> list[Path]:
    """The paths of the files that `sha256` names, in its order. A file that is there is not fetched again.

    where: addresses of a file; the first that gives the published bytes is taken. otherwise: for the error, what else
    may be put into `raw`. Raises ValueError, naming file, expected and found sha256, if one is truncated or altered; or
    naming the files to put into `raw`, if one cannot be had.
    """
    for name in sha256:
        if not (raw / name).exists():
            wanted = f"put the files {', '.join(sha256)} there{otherwise}"
            _download(raw, name, where(name), sha256[name], wanted)
    for name, expected in sha256.items():
        check_sha256(raw / name, expected)
    return [raw / name for name in sha256]


def _download(raw: Path, name: str, urls: Iterable[str], expected: str, wanted: str) -> None:
    """By torchvision, under another name until it is whole. A mirror that gives other bytes is no mirror."""
    from torchvision.datasets.utils import download_url

    failure: Exception | None = None
    part = raw / f"{name}.part"
    for url in urls:
        try:
            download_url(url, root=str(raw), filename=part.name)
            with part.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
            if found == expected:
                part.replace(raw / name)
                return
            failure = ValueError(f"{url} gives another file: expected sha256 {expected}, found {found}")
        except (OSError, RuntimeError) as error:
            failure = error
        part.unlink(missing_ok=True)
    raise ValueError(f"{name} is not in {raw} and cannot be downloaded ({failure}); {wanted}") from failure


def pin(path: Path) -> None:
    """Check a file whose sha256 nobody publishes against the one that it had when it was first used here.

    That one is written beside it. Raises ValueError if the file has changed since.
    """
    beside = path.with_name(f"{path.name}.sha256")
    if beside.exists():
        check_sha256(path, beside.read_text().split()[0])
        return
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    write_atomically(beside, f"{found}  {path.name}\n".encode())


def member(archive: tarfile.TarFile | zipfile.ZipFile, name: str) -> bytes:
    """The bytes of one file of an archive, which is not unpacked. Raises ValueError if it is not there or not whole."""
    path = archive.filename if isinstance(archive, zipfile.ZipFile) else archive.name
    try:
        opened = archive.open(name) if isinstance(archive, zipfile.ZipFile) else archive.extractfile(name)
        if opened is None:
            raise KeyError(name)
        with opened:
            return opened.read()
    except KeyError:
        raise ValueError(f"{path!s} has no file {name}") from None
    except DAMAGED as error:
        raise ValueError(f"{name} in {path!s} is truncated or altered: {error}") from None
