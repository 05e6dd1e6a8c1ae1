"""No two jobs are in one slot, and a job that is killed leaves its own; the GPUs are names, and the jobs processes."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmarks.machine import gpus
from benchmarks.registry import ROOT

JOB = """
import logging, sys, torch
torch.cuda.device_count = lambda: 2
from benchmarks.machine.gpus import choose
logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
choose(1)
sys.stdin.read()  # until the test closes it
"""


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Locks of its own, and no GPU unless the test says so."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for variable in ("ESPALIER_GPUS", "CUDA_VISIBLE_DEVICES", "SLURM_JOB_ID"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)


def start() -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", JOB], cwd=ROOT, stdin=pipe, stdout=pipe, text=True)


def said(job: subprocess.Popen[str]) -> str:
    """The next line of its log; waits for it."""
    assert job.stdout
    return job.stdout.readline().strip()


def test_a_machine_without_gpus_has_no_slots_and_makes_no_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")  # said, but there are none
    assert gpus.slots() == []
    assert gpus.choose(torch.get_num_threads()) == torch.device("cpu")
    assert list(tmp_path.iterdir()) == []


def test_slots_are_those_of_the_setting_or_every_visible_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert gpus.slots() == ["0", "1"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,GPU-ab")
    assert gpus.slots() == ["2", "GPU-ab"]
    monkeypatch.setenv("ESPALIER_GPUS", "0, 0,1,1")
    assert gpus.slots() == ["0", "0", "1", "1"]
    monkeypatch.setenv("ESPALIER_GPUS", " ")
    with pytest.raises(ValueError, match="ESPALIER_GPUS is ' '; allowed: GPUs with commas"):
        gpus.slots()


@pytest.mark.parametrize(
    ("visible", "shown"), [("0,-1,1", ["0"]), ("-1", []), ("", []), ("1,0", ["1", "0"]), ("0,1,7", ["0", "1"])]
)
def test_what_cuda_does_not_read_is_no_slot(monkeypatch: pytest.MonkeyPatch, visible: str, shown: list[str]) -> None:
    """CUDA stops at the first name that is no GPU."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert gpus.slots() == shown


def test_asking_for_gpus_where_there_are_none_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESPALIER_GPUS", "0,1")
    with pytest.raises(
        ValueError, match="ESPALIER_GPUS is '0,1', and torch finds no GPU; unset it to train on the CPU"
    ):
        gpus.choose(torch.get_num_threads())


def test_no_two_jobs_are_in_one_slot_and_few_spread_over_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESPALIER_GPUS", "0,0,1,1")
    jobs = []
    try:
        for _ in range(2):  # a pair at once
            jobs += [start(), start()]
            assert {said(job) for job in jobs[-2:]} == {"GPU 0", "GPU 1"}
        jobs.append(start())
        assert said(jobs[-1]) == "every slot of 0,0,1,1 is taken; waiting"
        jobs[0].send_signal(signal.SIGKILL)
        assert said(jobs[-1]) in ("GPU 0", "GPU 1")
    finally:
        for job in jobs:
            job.kill()
            job.communicate()


def test_slurm_has_chosen_already(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ESPALIER_GPUS", "3")
    monkeypatch.setenv("SLURM_JOB_ID", "1")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    gpus.choose(torch.get_num_threads())
    assert list(tmp_path.iterdir()) == []
