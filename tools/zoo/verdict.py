"""Whether a network is pruned rightly: the verdict on docs/networks.md."""

from __future__ import annotations

import logging
import re
from types import SimpleNamespace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from benchmarks.training.attempt import images_like, redrawn
from benchmarks.training.network import structure_of
from benchmarks.training.probe import TOLERANCE, difference
from methods.core.api import Keep, Unsupported
from methods.core.gates import gated
from methods.core.ranking import keep_by_rank
from methods.core.structure.cost import check_macs
from methods.core.structure.structure import Structure

MEASURED = re.compile(r": logits differ by \S+|, for one: .*")  # it differs between processors, or is long


class Verdict(NamedTuple):
    """What the page says of one network."""

    groups: int
    verdict: str
    reason: str


def judge(net: nn.Module, example: Tensor, classes: int, target: float | None = 0.5) -> Verdict:
    """Remove random channels until `target` of the MACs are left; without a target, half of each group's channels.

    Raises AssertionError if the logits of what is left are not those of the masked network.
    """
    logging.getLogger("benchmarks.training.probe").setLevel(logging.WARNING)
    try:
        structure = structure_of(net, example, classes)
    except Unsupported as reason:
        return Verdict(0, "refused", str(reason))
    if structure.refused:
        return Verdict(0, "refused", MEASURED.sub("", structure.refused))
    scores = _scores(structure)
    try:
        keep = keep_by_rank(scores, _problem(structure, target)) if target else _half(scores)
    except Unsupported as reason:
        return Verdict(len(structure.groups), "in part", str(reason))
    drawn = redrawn(net, example).eval()
    small = structure.shrink(drawn, keep).eval()
    images, factors = images_like(example), {name: mask.float() for name, mask in keep.items()}
    with torch.no_grad():
        masked = gated(drawn, structure.groups, factors, images, "behind_activation")
        assert difference(masked, small(images)) <= TOLERANCE
    check_macs(small, example, structure.macs(keep))
    return Verdict(len(structure.groups), "pruned", "")


def _half(scores: dict[str, Tensor]) -> Keep:
    return {name: score >= score.median() for name, score in scores.items()}


def _scores(structure: Structure) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {group.name: torch.rand(group.size, generator=generator) for group in structure.groups}


def _problem(structure: Structure, target: float) -> Any:
    """What a ranking needs of a problem."""
    return SimpleNamespace(target=target, groups=structure.groups, everything=structure.everything, macs=structure.macs)
