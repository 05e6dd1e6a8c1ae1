"""The profiles of clusters, as far as they can be tried without one; GPUs of one machine, which are names here."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from benchmarks.registry import ROOT
from tests.workflow.conftest import Project
from workflow.remote import wildcards

PLUGINS = ROOT / ".venv/kubernetes"  # apart from the environment; .ci/run puts them there


def profile(name: str) -> dict:
    return yaml.safe_load((ROOT / f"profiles/{name}/config.yaml").read_text())


@pytest.mark.parametrize("name", ["slurm", "kubernetes"])
def test_a_cluster_keeps_every_setting_of_the_default_profile(name: str) -> None:
    """One that is named takes the default's place."""
    default = profile("default")
    assert {setting: profile(name).get(setting) for setting in default} == default
    assert profile(name)["retries"] >= 1 and "array-jobs" not in str(profile(name))


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("learn:dataset=digits,cell=l1@macs=0.5", {"dataset": "digits", "cell": "l1@macs=0.5"}),
        (
            'learn:cell="l1,ranking=global@match:a,b=c",network=x',
            {"cell": "l1,ranking=global@match:a,b=c", "network": "x"},
        ),
        ("gather:", {}),
    ],
)
def test_wildcards_of_a_remote_job_keep_their_commas(argument: str, expected: dict[str, str]) -> None:
    assert wildcards(argument) == expected


def test_a_cell_with_knobs_is_found_by_its_remote_job(new_project: Callable[..., Project]) -> None:
    """As an executor calls it."""
    cell = "l1,ranking=global@macs=0.5"
    project = new_project(methods=["dense", {"l1": {"ranking": "global"}}], targets=["macs=0.5"])
    printed = project.run("-n", "--target-jobs", f'learn:dataset=digits,network=lenet5,cell="{cell}"')
    assert f"training {cell}, lenet5 on digits" in printed


def test_a_gpu_is_one_jobs_at_a_time(new_project: Callable[..., Project], monkeypatch: pytest.MonkeyPatch) -> None:
    """Two cells are ready at once, two cores and two GPUs are there; but one GPU is all that may be used."""
    project = new_project(methods=["dense", "l1"], targets=["macs=0.5"], seeds=1, epochs=2, pretrain_epochs=1)
    project.replace("benchmarks/machine/gpus.py", "torch.cuda.device_count()", "2")
    monkeypatch.setenv("ESPALIER_GPUS", "7,8")
    monkeypatch.setenv("XDG_CACHE_HOME", str(project.root))
    cells = [f"results/tiny/runs/digits/lenet5/{cell}/runs.json" for cell in ("dense@free", "l1@macs=0.5")]
    project.run("--resources", "gpu=1", "--", *cells)
    logs = (project.root / "results/tiny/logs/digits/lenet5").glob("*.log")
    assert {path.stem: re.findall("GPU .", path.read_text()) for path in logs} == {
        "start": ["GPU 7"],
        "dense@free": ["GPU 7"],
        "l1@macs=0.5": ["GPU 7"],
    }


@pytest.mark.skipif(not PLUGINS.exists(), reason=f"Kubernetes' plugins are not in {PLUGINS}; .ci/run puts them there")
def test_kubernetes_is_planned(
    new_project: Callable[..., Project], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What a pod is sent: it shares no files, so that all that its job reads must be among the inputs."""
    monkeypatch.setenv("PYTHONPATH", f"{PLUGINS}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    project = new_project(methods=["dense", "l1"], targets=["macs=0.5"], seeds=1)
    store = ["--default-storage-prefix", str(tmp_path / "store")]
    options = ["--workflow-profile", "profiles/kubernetes", "--container-image", "here/espalier:0", *store]
    printed = project.run("-n", *options, "--", "results/tiny/rows.csv")
    assert "profiles/kubernetes" in printed and "learn 2" in " ".join(printed.split())
    (reason,) = re.findall(r"training l1@.*\nReason: (.*)", printed)
    for name in ("data/digits.safetensors", "data/digits.sha256", "start/runs.json", "start/models.safetensors"):
        assert name in reason, f"{name} is read, and not among the inputs"
