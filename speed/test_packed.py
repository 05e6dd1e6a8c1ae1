"""Five seeds of LeNet-5 in one network of grouped layers, against five separate steps.

The suite trains seeds one after another; docs/speed.md says why. This measures what packing them would gain, in the
layout that gains most. On a GPU it also measures what several jobs side by side gain, in bfloat16.
"""

from __future__ import annotations

import time
from multiprocessing.synchronize import Barrier
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import torch
from torch import Tensor, multiprocessing, nn
from torch.nn import functional as F

from benchmarks.machine.device import channels_last
from speed.conftest import Compare, Ratio
from speed.workloads import DEVICE, LENET5, ON_GPU, RECIPE, RESNET8, RESNET20, Workload

SEEDS, STEPS = 5, 4
SLOTS = (5, 15)


class Packed(nn.Module):
    """`seeds` copies of benchmarks/networks/lenet5.py in parallel, without shared weights."""

    def __init__(self, seeds: int) -> None:
        super().__init__()
        self.seeds = seeds
        self.conv1 = nn.Conv2d(seeds, 6 * seeds, 5, padding=2, groups=seeds)
        self.conv2 = nn.Conv2d(6 * seeds, 16 * seeds, 5, groups=seeds)
        shapes = [(400, 120), (120, 84), (84, 10)]
        self.weights = nn.ParameterList(torch.randn(seeds, *shape) / shape[0] ** 0.5 for shape in shapes)
        self.biases = nn.ParameterList(torch.zeros(seeds, 1, outputs) for _, outputs in shapes)

    def forward(self, images: Tensor) -> Tensor:
        """[n, seeds, 28, 28], a batch of each -> logits [seeds, n, 10]."""
        maps = F.max_pool2d(F.relu(self.conv1(images)), 2)
        maps = F.max_pool2d(F.relu(self.conv2(maps)), 2)
        hidden = maps.unflatten(1, (self.seeds, 16)).flatten(2).transpose(0, 1)
        for weight, bias in zip(self.weights[:2], self.biases[:2], strict=True):
            hidden = F.relu(torch.baddbmm(bias, hidden, weight))
        return torch.baddbmm(self.biases[2], hidden, self.weights[2])


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("batch", [16, 128])
def test_seeds_together(batch: int, precision: torch.dtype, compare: Compare) -> None:
    images, labels = (tensor[: SEEDS * batch] for tensor in (LENET5.part().images, LENET5.part().labels))
    images = images.to(DEVICE).float() / 255
    apart = [LENET5.net() for _ in range(SEEDS)]
    together = channels_last(Packed(SEEDS).to(DEVICE))
    optimizers = [torch.optim.SGD(net.parameters(), RECIPE.lr, RECIPE.momentum) for net in (*apart, together)]

    def step(net: nn.Module, optimizer: torch.optim.Optimizer, images: Tensor, labels: Tensor) -> None:
        with torch.autocast(DEVICE.type, precision, enabled=precision is not torch.float32):
            logits = net(images)
        loss = F.cross_entropy(logits.float().flatten(0, -2), labels) * len(labels) / batch
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    def one_after_another() -> None:
        for own in zip(apart, optimizers, images.split(batch), labels.split(batch), strict=False):
            for _ in range(STEPS):
                step(*own)

    def packed() -> None:
        side_by_side = images.view(SEEDS, batch, 28, 28).transpose(0, 1).contiguous(memory_format=torch.channels_last)
        for _ in range(STEPS):
            step(together, optimizers[-1], side_by_side, labels)

    ratio = Ratio("five seeds' steps one after another / packed into one", "one after another", "packed")
    compare({"packed": packed, "one after another": one_after_another}, [ratio], rounds=7, warmup=2)


@pytest.mark.skipif(not ON_GPU, reason="no GPU that torch can use")
@pytest.mark.parametrize("workload", [pytest.param(RESNET20, id="resnet20"), pytest.param(RESNET8, id="resnet8")])
def test_slots(workload: Workload, compare: Compare) -> None:
    """An epoch in each of several processes at once, against one after another."""
    alone = _seconds(workload, 1)
    gains = {f"{n} jobs in turn / side by side": (n * alone / _seconds(workload, n), ">= 3") for n in SLOTS}
    compare({"nothing": lambda: None}, [], rounds=1, exact=gains)


def _seconds(workload: Workload, jobs: int) -> float:
    """Until every job has done an epoch; starting a process and its first epoch do not count."""
    context = multiprocessing.get_context("spawn")
    begin, end = context.Barrier(jobs + 1), context.Barrier(jobs + 1)
    processes = [context.Process(target=_job, args=(workload, begin, end), daemon=True) for _ in range(jobs)]
    for process in processes:
        process.start()
    begin.wait(120)
    start = time.perf_counter()
    end.wait(120)
    return time.perf_counter() - start


def _job(workload: Workload, begin: Barrier, end: Barrier) -> None:
    with TemporaryDirectory() as folder:
        epoch = workload.ours(Path(folder), "bfloat16")
        epoch()
        torch.cuda.synchronize()
        begin.wait()
        epoch()
        torch.cuda.synchronize()
        end.wait()
