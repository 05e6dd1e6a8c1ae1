"""Reaching a target of half the MACs: counting by a formula, against pruning in steps and counting after each."""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import cast

import pytest
import torch_pruning as tp
from torch import nn

from methods.core.api import Keep, Problem
from methods.core.ranking import TOLERANCE, keep_by_rank, writer_norm
from methods.core.structure.cost import count_macs
from methods.core.structure.structure import Structure
from speed.conftest import Compare, Ratio
from speed.workloads import RESNET20, Workload

VGG16 = Workload("vgg16_bn", channels=3, size=32, shift=4, steps=1)
TARGET = 0.5
STEPS = 400  # of the library's pruner, from all channels to none; about 115 of them reach half of the MACs


@pytest.mark.parametrize("workload", [pytest.param(RESNET20, id="resnet20"), pytest.param(VGG16, id="vgg16")])
def test_target(workload: Workload, compare: Compare) -> None:
    """The whole path from a network to the pruned one, which the library's steps cover too; and the ranking alone."""
    net, example = workload.net(), workload.example
    structure = Structure.of(net, example)
    runs = {
        "whole": lambda: _whole(workload, net),
        "ranking": lambda: _rank(net, structure),
        "library": lambda: _by_steps(workload, net),
    }
    ratios = [
        Ratio("library's steps / trace, rank and shrink", "library", "whole", ">= 15"),
        Ratio("library's steps / our ranking", "library", "ranking"),
    ]
    # By torch's own counter, on the pruned network.
    error = abs(count_macs(_whole(workload, net), example) / count_macs(net, example) / TARGET - 1)
    assert error <= TOLERANCE
    compare(runs, ratios, warmup=0, exact={"our MACs: distance from the target": (error, f"<= {TOLERANCE}")})


def _rank(net: nn.Module, structure: Structure) -> Keep:
    problem = SimpleNamespace(
        groups=structure.groups, target=TARGET, macs=structure.macs, everything=structure.everything
    )
    scores = {group.name: writer_norm(net, group, p=1) for group in structure.groups}
    return keep_by_rank(scores, cast(Problem, problem))


def _whole(workload: Workload, net: nn.Module) -> nn.Module:
    structure = Structure.of(net, workload.example)
    return structure.shrink(net, _rank(net, structure))


def _by_steps(workload: Workload, net: nn.Module) -> nn.Module:
    small, example = copy.deepcopy(net), workload.example
    dense, _ = tp.utils.count_ops_and_params(small, example)
    *_, classifier = (module for module in small.modules() if isinstance(module, nn.Linear))
    pruner = tp.pruner.MagnitudePruner(
        small,
        example,
        importance=tp.importance.MagnitudeImportance(p=1),
        pruning_ratio=1.0,
        iterative_steps=STEPS,
        ignored_layers=[classifier],
    )
    while tp.utils.count_ops_and_params(small, example)[0] > TARGET * dense:
        pruner.step()
    return small
