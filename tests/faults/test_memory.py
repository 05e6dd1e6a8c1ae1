"""A cell that memory does not hold is a row with that status; the grid goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from benchmarks.machine.device import out_of_memory
from benchmarks.measure import measure
from benchmarks.report.stats import summary
from benchmarks.report.stats.rows import read_rows
from benchmarks.report.tables.registry import TABLES
from benchmarks.schemas.spec import Spec
from methods import uniform
from tests.benchmarks.test_train import CPU, Bench, records, specs


def no_python_object() -> None:
    raise MemoryError


def no_tensor() -> None:
    torch.empty(2**60)


def no_tensor_elsewhere() -> None:
    """In the words of torch on other systems."""
    raise RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 4611686018427387904 bytes.")


def no_tensor_on_the_gpu() -> None:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.\nSee the documentation")


LIBRARIES = (
    "CUDA error: out of memory\nCompile with `TORCH_USE_CUDA_DSA` to enable device-side assertions.",
    "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
    "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
)


@pytest.fixture
def spec() -> Spec:
    return specs()["uniform@macs=0.5"]


@pytest.fixture
def fail_once(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], None]], None]:
    """The method's first run takes more than there is."""

    def patch(fail: Callable[[], None]) -> None:
        learn, calls = uniform.learn, []

        def hungry(*given: Any) -> Any:
            calls.append(1)
            if len(calls) == 1:
                fail()
            return learn(*given)

        monkeypatch.setattr(uniform, "learn", hungry)

    return patch


@pytest.mark.parametrize("fail", [no_python_object, no_tensor, no_tensor_elsewhere, no_tensor_on_the_gpu])
def test_it_is_a_row_and_the_next_seed_runs(
    bench: Bench, spec: Spec, fail_once: Callable[..., None], fail: Callable[[], None], tmp_path: Path
) -> None:
    whole = records(Bench(tmp_path / "whole", bench.data).cell(spec))
    fail_once(fail)
    folder = bench.cell(spec)
    failed, good = records(folder)
    assert (failed["status"], good["status"]) == ("out_of_memory", whole[1]["status"])
    assert failed["reason"] and "\n" not in failed["reason"]
    rows = measure([(spec, folder)], bench.data, CPU)
    assert [row["status"] for row in rows] == ["out_of_memory", whole[1]["status"]]
    assert rows[0]["test_accuracy"] is None and rows[1]["test_accuracy"] is not None
    again = records(bench.cell(spec))
    assert [record["status"] for record in again] == [record["status"] for record in whole], "it is tried again"
    assert again[1] == good, "and the other seed is not"
    assert again[0]["models_sha256"] == whole[0]["models_sha256"]


def test_the_report_counts_it(bench: Bench, spec: Spec, fail_once: Callable[..., None], tmp_path: Path) -> None:
    fail_once(no_tensor)
    rows = pd.DataFrame(measure([(spec, bench.cell(spec))], bench.data, CPU))
    rows.to_csv(tmp_path / "rows.csv", index=False)
    read = read_rows(tmp_path / "rows.csv")
    table = summary.summary(read)
    assert table["out_of_memory"].sum() == 1 and (table["missing"] == 0).all()
    (sheet,) = TABLES["failures"](read).sheets
    assert sheet.cells["Out of memory"].tolist() == ["1"] and "memory" in sheet.cells["Reason"].item()


def test_other_errors_stay_errors(bench: Bench, spec: Spec, fail_once: Callable[..., None]) -> None:
    def fail() -> None:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    assert not out_of_memory(RuntimeError("mat1 and mat2")) and out_of_memory(MemoryError())
    assert all(out_of_memory(RuntimeError(said)) for said in LIBRARIES), "in the words of CUDA's libraries"
    assert not out_of_memory(RuntimeError("CUDA error: an illegal memory access was encountered"))
    fail_once(fail)
    with pytest.raises(RuntimeError, match="mat1"):
        bench.cell(spec)
