"""The one recipe and its schedule."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from benchmarks import recipe, registry

GOOD = {"lr": 0.1, "batch_size": 8, "momentum": 0.9, "weight_decay": 0.0, "warmup": 0.1}


@pytest.mark.parametrize(
    ("progress", "expected"),
    [(0.0, 0.0), (0.05, 0.5), (0.1, 1.0), (0.55, 0.5), (1.0, 0.0)],
)
def test_the_rate_warms_up_linearly_and_falls_by_a_cosine_to_zero(progress: float, expected: float) -> None:
    assert recipe.rate(0.1, progress) == pytest.approx(expected, abs=1e-12)


def test_without_warm_up_it_begins_at_the_whole_rate() -> None:
    assert recipe.rate(0.0, 0.0) == 1.0
    assert recipe.rate(0.0, 1.0) == pytest.approx(0.0, abs=1e-12)


@given(warmup=st.floats(0, 0.9), progress=st.floats(0, 1))
def test_the_rate_is_a_fraction(warmup: float, progress: float) -> None:
    assert 0 <= recipe.rate(warmup, progress) <= 1


@pytest.mark.parametrize("dataset", registry.keys("dataset"))
@pytest.mark.parametrize("network", registry.keys("network"))
def test_every_pair_has_a_recipe(dataset: str, network: str) -> None:
    assert recipe.recipe(dataset, network).lr > 0


def test_what_is_said_of_a_pair_wins_over_its_dataset_and_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "recipes.yaml"
    table.write_text(
        "default: {lr: 0.1, batch_size: 128, momentum: 0.9, weight_decay: 5.0e-4, warmup: 0.1}\n"
        "digits:\n  default: {batch_size: 64, lr: 0.2}\n  lenet5: {lr: 0.3}\n"
    )
    monkeypatch.setattr(recipe, "TABLE", table)
    assert (recipe.recipe("digits", "lenet5").lr, recipe.recipe("digits", "lenet5").batch_size) == (0.3, 64)
    assert (recipe.recipe("digits", "resnet8").lr, recipe.recipe("other", "resnet8").lr) == (0.2, 0.1)


@pytest.mark.parametrize(
    "fault",
    [
        {"lr": 0}, {"lr": -1}, {"batch_size": 0}, {"batch_size": 1.5}, {"epochs": 3},
        {"warmup": 1.0}, {"warmup": -0.1}, {"momentum": 1.0}, {"momentum": -0.1}, {"weight_decay": -1e-4},
    ],
)  # fmt: skip
def test_a_recipe_that_cannot_train_is_refused(fault: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        recipe.Recipe(**GOOD | fault)
