"""The recipe of a dataset and network."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from pydantic import ValidationError

from benchmarks import registry
from benchmarks.schemas.recipe import Recipe
from benchmarks.study import recipes

GOOD = {"lr": 0.1, "batch_size": 8, "momentum": 0.9, "weight_decay": 0.0, "warmup": 0.1}


@pytest.mark.parametrize("dataset", registry.keys("dataset"))
@pytest.mark.parametrize("network", registry.keys("network"))
def test_every_pair_has_a_recipe(dataset: str, network: str) -> None:
    assert recipes.recipe(dataset, network).lr > 0


def test_what_is_said_of_a_pair_wins_over_its_dataset_and_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "recipes.yaml"
    table.write_text(
        "default: {lr: 0.1, batch_size: 128, momentum: 0.9, weight_decay: 5.0e-4, warmup: 0.1}\n"
        "digits:\n  default: {batch_size: 64, lr: 0.2}\n  lenet5: {lr: 0.3}\n"
    )
    monkeypatch.setattr(recipes, "TABLE", table)
    assert (recipes.recipe("digits", "lenet5").lr, recipes.recipe("digits", "lenet5").batch_size) == (0.3, 64)
    assert (recipes.recipe("digits", "resnet8").lr, recipes.recipe("other", "resnet8").lr) == (0.2, 0.1)
    assert recipes.recipe("digits", "lenet5", {"lr": 0.4}) == Recipe(
        lr=0.4, batch_size=64, momentum=0.9, weight_decay=5e-4, warmup=0.1
    )


@pytest.mark.parametrize(
    ("network", "settings", "origin"),
    [
        ("lenet5", {}, "tuned"), ("vit_tiny", {}, "default"), ("lenet5", {"lr": 1.5}, "study"),
        ("vit_tiny", {"lr": 1.5}, "study"), ("lenet5", {"weight_decay": 0.0}, "study"),
    ],
)  # fmt: skip
def test_a_row_says_whether_its_learning_rate_was_searched_for(
    network: str, settings: dict[str, float], origin: str
) -> None:
    assert recipes.origin("digits", network, recipes.recipe("digits", network, settings)) == origin


@pytest.mark.parametrize(
    "fault",
    [
        {"lr": 0}, {"lr": -1}, {"batch_size": 0}, {"batch_size": 1.5}, {"epochs": 3},
        {"lr": math.inf}, {"weight_decay": math.inf}, {"weight_decay": -1e-4},
        {"warmup": 1.0}, {"warmup": -0.1}, {"momentum": 1.0}, {"momentum": -0.1},
    ],
)  # fmt: skip
def test_a_recipe_that_cannot_train_is_refused(fault: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Recipe(**GOOD | fault)
