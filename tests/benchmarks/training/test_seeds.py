"""Seeds from names."""

from __future__ import annotations

from itertools import product

import torch

from benchmarks.training.seeds import seed_for


def test_every_part_of_the_name_counts() -> None:
    names = list(product(["digits", "mnist"], ["lenet5", "resnet8"], [0, 1], ["init", "method", "epoch 1", "epoch 11"]))
    assert len({seed_for(*name) for name in names}) == len(names)


def test_a_seed_is_one_that_torch_takes_and_never_changes() -> None:
    seed = seed_for("digits", "lenet5", 0, "init")
    assert seed == 277905190530622082
    torch.Generator().manual_seed(seed)
