"""Reaching half of ResNet-56's MACs: counting by a formula, against pruning step by step and counting each time."""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import cast

import torch_pruning as tp
from torch import nn

from benchmarks.speed.conftest import Compare, Ratio
from benchmarks.speed.workloads import Workload
from methods.core.api import Keep, Problem
from methods.core.ranking import keep_by_rank, writer_norm
from methods.core.structure import Structure

RESNET56 = Workload("resnet56", channels=3, size=32, shift=4, steps=1)
TARGET = 0.5
STEPS = 400  # of the library's pruner, from all channels to none


def test_target(compare: Compare) -> None:
    """The ranking alone; and all that leads from a network to the smaller one, as the library's steps do."""
    net = RESNET56.net()
    structure = Structure.of(net, RESNET56.example)
    runs = {
        "whole": lambda: _whole(net),
        "ranking": lambda: _rank(net, structure),
        "library": lambda: _by_steps(net),
    }
    ratios = [
        Ratio("library's steps / our ranking", "library", "ranking", ">= 15"),
        Ratio("library's steps / trace, rank and shrink", "library", "whole"),
    ]
    compare(runs, ratios, warmup=0)


def _rank(net: nn.Module, structure: Structure) -> Keep:
    problem = SimpleNamespace(groups=structure.groups, target=TARGET, macs=structure.macs)
    scores = {group.name: writer_norm(net, group, p=1) for group in structure.groups}
    return keep_by_rank(scores, cast(Problem, problem))


def _whole(net: nn.Module) -> nn.Module:
    structure = Structure.of(net, RESNET56.example)
    return structure.shrink(net, _rank(net, structure))


def _by_steps(net: nn.Module) -> nn.Module:
    small = copy.deepcopy(net)
    example = RESNET56.example
    dense, _ = tp.utils.count_ops_and_params(small, example)
    pruner = tp.pruner.MagnitudePruner(
        small,
        example,
        importance=tp.importance.MagnitudeImportance(p=1),
        pruning_ratio=1.0,
        iterative_steps=STEPS,
        ignored_layers=[small.fc],
    )
    while tp.utils.count_ops_and_params(small, example)[0] > TARGET * dense:
        pruner.step()
    return small
