"""The learning rate schedule."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.training.budget import rate


@pytest.mark.parametrize(
    ("progress", "expected"),
    [(0.0, 0.0), (0.05, 0.5), (0.1, 1.0), (0.55, 0.5), (1.0, 0.0)],
)
def test_the_rate_warms_up_linearly_and_falls_by_a_cosine_to_zero(progress: float, expected: float) -> None:
    assert rate(0.1, progress) == pytest.approx(expected, abs=1e-12)


def test_without_warm_up_it_begins_at_the_whole_rate() -> None:
    assert rate(0.0, 0.0) == 1.0
    assert rate(0.0, 1.0) == pytest.approx(0.0, abs=1e-12)


@given(warmup=st.floats(0, 0.9), progress=st.floats(0, 1))
def test_the_rate_is_a_fraction(warmup: float, progress: float) -> None:
    assert 0 <= rate(warmup, progress) <= 1
