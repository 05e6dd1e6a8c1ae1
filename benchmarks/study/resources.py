"""What a job requests of a cluster, estimated from what files declare.

Estimates are generous, since nothing is known before a job has run.
A job that got too little memory or time is submitted again with more, and resumes from its last epoch.
Nothing here imports torch: planning is done at every start of Snakemake.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

from benchmarks import registry
from benchmarks.data import IN_MEMORY
from benchmarks.study.config import Study

BASE_MB = 4000  # Python, torch and a CUDA context
COPIES = 3  # of a dataset that is held in memory: as read, on the device, padded
ACTIVATIONS = 1500  # bytes a byte of image, forward and backward: ResNet-50 on ImageNet has 1300
STEP_SECONDS = 0.05  # of a training step, however small
KIB_SECONDS = {True: 2e-5, False: 2e-3}  # on a GPU of 2017, and on one core, a KiB of image
SEARCH = 2  # times the training of a plain network: switchers, supernets and searches cost more than that
LEAST_MINUTES = 10


@dataclass(frozen=True)
class Sizes:
    """Of a dataset."""

    train: int  # images
    test: int
    images: int  # in all parts
    kib: float  # an image


@cache
def sizes(dataset: str) -> Sizes:
    """As the dataset's file declares them."""
    card = registry.dataset_card(dataset)
    train, _, test = card.images
    return Sizes(train, test, sum(card.images), math.prod(card.shape) / 1024)


def memory_mb(study: Study, dataset: str, network: str) -> int:
    """For training and for measuring."""
    data, batch = sizes(dataset), study.recipe_of(dataset, network).batch_size
    held = COPIES * min(data.images * data.kib / 1024, IN_MEMORY / 2**20)
    return math.ceil(BASE_MB + held + ACTIVATIONS * batch * data.kib / 1024)


def train_minutes(study: Study, dataset: str, network: str, gpu: bool) -> int:
    """Of a cell, or of the shared start: every seed."""
    there = study.on(dataset)
    passes = SEARCH * there.epochs * len(there.seeds)
    return LEAST_MINUTES + math.ceil(passes * _seconds(study, dataset, network, sizes(dataset).train, gpu) / 60)


def measure_minutes(study: Study, dataset: str, network: str, runs: int, gpu: bool) -> int:
    """Of `runs` pruned networks, each scored on the test images and timed."""
    each = 10 + _seconds(study, dataset, network, sizes(dataset).test, gpu)
    return LEAST_MINUTES + math.ceil(runs * each / 60)


def _seconds(study: Study, dataset: str, network: str, images: int, gpu: bool) -> float:
    steps = images / study.recipe_of(dataset, network).batch_size
    return steps * STEP_SECONDS + images * sizes(dataset).kib * KIB_SECONDS[gpu]
