"""The bundle for a machine without a network: what is in it, and parts that make the whole again."""

from __future__ import annotations

import re
import subprocess
import tarfile
from pathlib import Path

import pytest

from benchmarks.registry import ROOT
from tools import bundle

LOCK = (ROOT / "requirements.lock").read_text()


def names(lock: str) -> set[str]:
    return set(re.findall(r"(?m)^([\w.-]+)==", lock))


def test_torch_is_the_machines_own_and_what_reads_it_comes_along() -> None:
    kept = names(bundle.needed(LOCK))
    assert {"torch-pruning", "snakemake", "numpy", "pytest", "hypothesis", "safetensors"} <= kept
    assert not [
        name for name in kept if name.startswith(("nvidia", "cuda", "triton")) or name in ("torch", "torchvision")
    ]
    assert bundle.needed(LOCK).count("--hash=") > len(kept), "each with its hashes"


def test_everything_that_is_left_out_is_in_the_lock() -> None:
    """A name that the lock has no more is left out of the list, too."""
    for pattern in (*bundle.OF_TORCH.split(), *bundle.OF_DEVELOPERS.split()):
        assert any(re.fullmatch(pattern, name) for name in names(LOCK)), pattern


def test_parts_are_small_and_make_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "PART", 1000)
    whole = tmp_path / "espalier.tar.gz"
    whole.write_bytes(content := bytes(range(256)) * 11)
    parts = bundle.split(whole)
    assert not whole.exists() and [part.stat().st_size for part in parts] == [1000, 1000, 816]
    assert b"".join(part.read_bytes() for part in sorted(tmp_path.glob("espalier.tar.gz.*"))) == content


def test_a_missing_dataset_is_named(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text("datasets: [nowhere]")
    with pytest.raises(ValueError, match=r"data/nowhere.safetensors is missing; `make bundle` prepares it"):
        bundle.prepared(tmp_path / "study.yaml")


def test_a_study_that_is_not_committed_is_packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "install", lambda lock, python, site: site.mkdir())
    study = tmp_path / "mine.yaml"
    study.write_text("study: mine\ndatasets: []\n")
    (part,) = bundle.pack(study, out := tmp_path / "out", "3.12")
    with tarfile.open(part) as archive:
        config = archive.extractfile("code/config/mine.yaml")
        assert config is not None and config.read() == study.read_bytes()
    assert "${1:-config/mine.yaml}" in (out / "start.sh").read_text()


@pytest.mark.parametrize("script", [bundle.START, (ROOT / "tools/gpu.sh").read_text()])
def test_its_scripts_are_valid_shell(script: str) -> None:
    subprocess.run(["sh", "-n"], input=script, text=True, check=True)
