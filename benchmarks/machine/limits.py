"""A limit of time and memory for a computation in this process."""

from __future__ import annotations

import resource
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

TICK = 0.25  # seconds of this process's time between two looks
KIB = 1 if sys.platform == "darwin" else 1024  # bytes in getrusage's unit of memory


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
    began, peak = time.process_time(), _peak()

    def look(*_: object) -> None:
        if time.process_time() - began > seconds:
            raise _Exceeded(f"{what} took more than {seconds:g} seconds")
        if _peak() - peak > memory:
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


def _peak() -> int:
    """The most bytes of memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIB
