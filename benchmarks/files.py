"""Files that are either whole or not there."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

DIGEST = hashlib.sha256().digest_size


def write_atomically(path: Path, content: bytes) -> None:
    """Write to a temporary name, sync, rename: a reader sees the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically; the same value gives the same bytes."""
    write_atomically(path, (json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n").encode())


def write_sealed(path: Path, content: bytes) -> None:
    """Write with a digest in front; not synced: a checkpoint cut short by a power cut is found and not used."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(hashlib.sha256(content).digest() + content)
    temporary.replace(path)


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
