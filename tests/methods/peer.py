"""What a criterion hands to the ranking, and what torch_pruning's criterion says of the same channels."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
import torch
import torch_pruning as tp
from torch import Tensor, nn

from benchmarks.training.trainer import Trainer
from methods.core.api import Keep
from tests.kinds import EXAMPLE

Scores = dict[str, Tensor]


def handed_scores(method: ModuleType, net: nn.Module, trainer: Trainer, knobs: Any = None) -> Scores:
    """Group name -> [size]: the scores with which the method calls the ranking."""
    handed: Scores = {}

    def keep_by_rank(scores: Scores, problem: Trainer, ranking: str = "uniform", floor: float = 0.0) -> Keep:
        handed.update({name: score.detach().clone() for name, score in scores.items()})
        return problem.everything()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(method, "keep_by_rank", keep_by_rank)
        method.learn(net, trainer, knobs or method.Knobs())
    return handed


def library_scores(importance: tp.pruner.importance.Importance, net: nn.Module, trainer: Trainer) -> Scores:
    """Group name -> [size]: torch_pruning's importance of the same groups."""
    graph = tp.DependencyGraph().build_dependency(net, EXAMPLE)
    found = {}
    for group in trainer.groups:
        root = net.get_submodule(group.name)
        prune = graph.get_pruner_of_module(root).prune_out_channels
        found[group.name] = importance(graph.get_pruning_group(root, prune, list(range(group.size))))
    return found


def assert_equal(ours: Scores, theirs: Scores) -> None:
    assert ours.keys() == theirs.keys()
    for name, score in ours.items():
        torch.testing.assert_close(score, theirs[name], rtol=1e-4, atol=1e-6)


def bare(classes: int = 2) -> nn.Module:
    """A plain network whose layers have no bias."""
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1, bias=False), nn.ReLU(),
        nn.Conv2d(8, 12, 3, stride=2, bias=False), nn.ReLU(),
        nn.Flatten(), nn.Linear(108, 10, bias=False), nn.ReLU(), nn.Linear(10, classes, bias=False),
    )  # fmt: skip


def two_layers() -> nn.Module:
    """Two hidden layers of 100, groups "1" and "3"."""
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 100), nn.ReLU(), nn.Linear(100, 100), nn.ReLU(), nn.Linear(100, 2))
