"""Planning a large study reads every file once and hashes every combination of files once."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import yaml

from benchmarks import registry, source_hash
from benchmarks.study.config import parse
from benchmarks.study.specs import cell_spec, start_spec


def test_a_plan_reads_each_file_once_and_hashes_each_combination_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the paper's cells on two networks; whatever is done for each cell is felt at every start."""
    for read in (registry.card, source_hash.source_hash, source_hash._read):
        read.cache_clear()
    reads: Counter[Path] = Counter()
    content = Path.read_bytes

    def counted(path: Path) -> bytes:
        reads[path] += 1
        return content(path)

    monkeypatch.setattr(Path, "read_bytes", counted)
    config = yaml.safe_load((registry.ROOT / "config/paper.yaml").read_text())
    few = {"datasets": config["datasets"][:1], "networks": config["networks"][:2]}
    study = parse(config | few | {"targets": [*config["targets"], "macs=0.1"]}, "paper.yaml")
    cells = list(study.cells())
    for cell in cells:
        cell_spec(study, cell)
        start_spec(study, cell.dataset, cell.network)
    assert reads and set(reads.values()) == {1}
    combinations = {(cell.entry.key, cell.dataset, cell.network) for cell in cells} | set(study.tasks())
    assert len(cells) > 3 * len(combinations)
    assert source_hash.source_hash.cache_info().misses == len(combinations)
