"""A limit of time and memory for a computation in this process."""

from __future__ import annotations

import resource
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TICK = 0.25  # seconds of this process's time between two looks
STATM = Path("/proc/self/statm")


class _Exceeded(BaseException):
    """No `except Exception` on the way stops it."""


@contextmanager
def limited(what: str, seconds: float, memory: int) -> Iterator[None]:
    """Raises TimeoutError once the body has taken `seconds` of this process's time, or `memory` bytes more than before.

    The message says that `what` did. Outside of the main thread, which alone gets signals, there is no limit.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    began, held = time.process_time(), _memory()

    def look(*_: object) -> None:
        if time.process_time() - began > seconds:
            raise _Exceeded(f"{what} took more than {seconds:g} seconds")
        if _memory() - held > memory:
            raise _Exceeded(f"{what} took more than {memory / 2**30:g} GiB of memory")

    before = signal.signal(signal.SIGVTALRM, look)
    signal.setitimer(signal.ITIMER_VIRTUAL, TICK, TICK)
    try:
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    except _Exceeded as exceeded:
        raise TimeoutError(str(exceeded)) from None
    finally:
        signal.signal(signal.SIGVTALRM, before)


def _memory() -> int:
    """Bytes of memory that this process has; where the system does not say, the most that it has had."""
    if STATM.exists():
        return int(STATM.read_text().split()[1]) * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # in bytes on macOS
