"""Histories are packed without a loss."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd

from workflow.scripts.gather import packed


def test_packed_histories_are_read_as_they_were() -> None:
    rng = np.random.default_rng(0)
    known = pd.DataFrame({"dataset": "digits", "seed": range(40), "epoch": rng.random(40)})
    sparse = pd.DataFrame({f"factor/{i}": np.where(np.arange(40) == i, rng.random(40), np.nan) for i in range(300)})
    table = pd.concat([known, sparse], axis=1)
    pd.testing.assert_frame_equal(pd.read_parquet(io.BytesIO(packed(table))), table)
    assert len(packed(table)) < len(table.to_parquet(index=False)) / 2


def test_a_study_without_histories_has_an_empty_table() -> None:
    assert pd.read_parquet(io.BytesIO(packed(pd.DataFrame([])))).empty
