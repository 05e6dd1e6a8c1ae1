"""Files that are either whole or not there."""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

DIGEST = hashlib.sha256().digest_size


@contextmanager
def replacing(path: Path, *, sync: bool = True) -> Iterator[io.BufferedRandom]:
    """A file under a temporary name that takes the place of `path` when it is whole: a reader sees the old or the new.

    Behind an error nothing is left of it: what a full disk could not take must not go on filling it. An OSError names
    the file.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("w+b") as file:
            yield file
            file.flush()
            if sync:
                os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        if error.errno and not error.filename:  # of a failed write it says what, and not where
            error.filename = str(path)
        raise
    finally:
        with suppress(OSError):
            temporary.unlink()


def write_atomically(path: Path, content: bytes) -> None:
    """Write to a temporary name, sync, rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write(content)


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically; the same value gives the same bytes."""
    write_atomically(path, (json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n").encode())


def read_json(path: Path) -> Any:
    """What `write_json` wrote. Raises ValueError, naming the file, if it is not whole."""
    try:
        return json.loads(path.read_text())
    except ValueError as error:
        raise ValueError(f"{path} is cut short or altered ({error}); delete it to have it made again") from None


def write_sealed(path: Path, content: bytes) -> None:
    """Write with a digest in front; not synced: a checkpoint cut short by a power cut is found and not used."""
    with replacing(path, sync=False) as file:
        file.write(hashlib.sha256(content).digest() + content)


def read_sealed(path: Path) -> bytes | None:
    """What `write_sealed` wrote; None if it is not there, or not whole."""
    try:
        blob = path.read_bytes()
    except FileNotFoundError:
        return None
    return blob[DIGEST:] if hashlib.sha256(blob[DIGEST:]).digest() == blob[:DIGEST] else None


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder for this process; wait for another that has it. The system frees it if we are killed."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def try_lock(folder: Path) -> bool:
    """Hold the folder until this process ends; False if another process has it."""
    folder.mkdir(parents=True, exist_ok=True)
    file = (folder / ".lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    _HELD.append(file)
    return True


_HELD: list[object] = []  # open files: closing one would free its lock
