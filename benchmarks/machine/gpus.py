"""Which GPU a job has. A slot is the place of one job on a GPU, and no two jobs are in one.

ESPALIER_GPUS lists the slots by their GPUs: `0,1` is one on each of two, `0,0,1,1` two on each. Without it, every GPU
that CUDA_VISIBLE_DEVICES or the driver shows is one. A slot is held by a lock on a file, which the system frees when
the job ends, however it ends. In a job of Slurm nothing is chosen: the cluster has done it.
"""

from __future__ import annotations

import logging
import os
import platform
import time
from collections import Counter
from itertools import takewhile
from pathlib import Path

import torch

from benchmarks.machine import device
from benchmarks.machine.files import try_lock

log = logging.getLogger(__name__)
POLL_SECONDS = 0.5


def choose(threads: int) -> torch.device:
    """`device.choose`, in a free slot where there are GPUs. Before CUDA is used: it sees that GPU alone."""
    if "SLURM_JOB_ID" not in os.environ and (free := slots()):
        os.environ["CUDA_VISIBLE_DEVICES"] = take(free)
    return device.choose(threads)


def slots() -> list[str]:
    """The GPU of every slot; none on a machine without GPUs.

    Raises ValueError if ESPALIER_GPUS lists none, or torch finds none: training on the CPU is not what was asked for.
    """
    count = torch.cuda.device_count()  # asks the driver, and starts no CUDA
    if (setting := os.environ.get("ESPALIER_GPUS")) is not None:
        if not (listed := _names(setting)):
            raise ValueError(f"ESPALIER_GPUS is {setting!r}; allowed: GPUs with commas between them, like 0,0,1,1")
        if not count:
            raise ValueError(f"ESPALIER_GPUS is {setting!r}, and torch finds no GPU; unset it to train on the CPU")
        return listed
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return [str(number) for number in range(count)]
    return list(takewhile(lambda name: not name.startswith("-"), _names(visible)))[:count]  # CUDA stops reading there


def _names(listed: str) -> list[str]:
    return [name.strip() for name in listed.split(",") if name.strip()]


def take(listed: list[str]) -> str:
    """The GPU of a slot that is this process's from now on; waits until one is free.

    The first slots of all GPUs come before the second ones: few jobs spread.
    """
    met: Counter[str] = Counter()
    places = []
    for gpu in listed:
        places.append((met[gpu], gpu))
        met[gpu] += 1
    waits = False
    while True:
        for number, gpu in sorted(places, key=lambda place: place[0]):
            if try_lock(_folder() / f"{gpu.replace('/', '_')}.{number}"):
                log.info("GPU %s", gpu)
                return gpu
        if not waits:
            log.info("every slot of %s is taken; waiting", ",".join(listed))
        waits = True
        time.sleep(POLL_SECONDS)


def _folder() -> Path:
    """Of this user and host, since home may be shared between hosts: two studies at once share the slots."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "espalier" / "gpus" / platform.node()
