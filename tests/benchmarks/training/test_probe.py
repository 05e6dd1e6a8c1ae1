"""Odd networks: each is pruned exactly, in whole or in part, or refused in one sentence before anything is trained."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
import torch
from torch import nn
from torchvision.models import SwinTransformer

from benchmarks.machine import limits
from benchmarks.training import probe
from benchmarks.training.network import structure_of
from methods.core import gates
from methods.core.api import Unsupported
from methods.core.structure.cost import counts
from methods.core.structure.structure import Structure
from tests.kinds import EXAMPLE, KINDS, settled
from tests.odd import ODD, auxiliary_head

PARTLY = {  # network -> a group whose channels stay, and a part of the reason
    "blurred": ("first.0", "by torch's counter"),
    "averaging": ("first.0", "second (Linear): "),
    "viewed": ("second.0", "Wired: shape '[-1, 768]' is invalid"),
    "flipped": ("first.0", "a factor of 0 on a channel is not its removal"),
    "per_channel_buffer": ("first.0", "Wired: The size of tensor a ("),
}


@pytest.mark.parametrize("name", ODD)
def test_what_is_left_of_any_choice_of_channels_is_exact(name: str) -> None:
    structure = structure_of(ODD[name](), EXAMPLE, 2)
    assert structure.refused or structure.groups
    net = settled(ODD[name](), 1)
    images = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(5))
    generator = torch.Generator().manual_seed(3)
    keep = {g.name: torch.rand(g.size, generator=generator) < 0.5 for g in structure.groups}
    for mask in keep.values():
        mask[0] = True
    small = structure.shrink(net, keep).eval()
    with torch.no_grad():
        masked = gates.gated(net, structure.groups, {name: mask.float() for name, mask in keep.items()}, images)
        assert probe.difference(masked, small(images)) <= 1e-4
    assert set(counts(small, EXAMPLE)) == {structure.macs(keep)}
    assert small.train()(images).shape == (4, 2)


@pytest.mark.parametrize("name", PARTLY)
def test_a_group_that_cannot_be_removed_stays_and_the_others_do_not(name: str) -> None:
    group, reason = PARTLY[name]
    net = probe.redrawn(ODD[name](), EXAMPLE)
    found = probe.faults(net, Structure.of(net, EXAMPLE))
    assert reason in found[group]
    assert group not in {g.name for g in probe.prunable(net, EXAMPLE).groups} != set()


def test_a_channel_that_a_layer_does_not_have_is_named_before_anything_uses_it() -> None:
    net = probe.redrawn(KINDS["plain"](), EXAMPLE)
    structure = Structure.of(net, EXAMPLE)
    group, *others = structure.groups
    (writer,) = group.writers
    shifted = replace(group, writers=(replace(writer, index=writer.index + 3),))
    found = probe.faults(net, replace(structure, groups=(shifted, *others)))
    last = group.size + 2
    assert found == {group.name: f"{writer.module} has {group.size} channels, and none of index {last}"}


def test_a_network_that_is_no_oddity_keeps_all_of_its_groups(kind: str) -> None:
    net = KINDS[kind]()
    assert [g.name for g in structure_of(net, EXAMPLE, 2).groups] == [g.name for g in Structure.of(net, EXAMPLE).groups]


def test_the_groups_do_not_depend_on_the_weights_and_nothing_is_drawn() -> None:
    net = KINDS["residual"]()
    for parameter in net.parameters():
        parameter.data.zero_()
    before = torch.get_rng_state()
    assert structure_of(net, EXAMPLE, 2).groups
    assert torch.equal(torch.get_rng_state(), before)
    assert not any(parameter.any() for parameter in net.parameters()), "copies are probed"


def test_an_output_that_is_no_logits_is_refused_in_one_sentence() -> None:
    with pytest.raises(Unsupported, match=r"^Wired puts out a tuple for 4 images in training; must be logits"):
        structure_of(auxiliary_head(), EXAMPLE, 2)
    with pytest.raises(Unsupported, match=r"puts out shape \(4, 2\) .* in eval mode; .* shape \(4, 3\)$"):
        structure_of(KINDS["plain"](), EXAMPLE, 3)


def test_an_error_names_the_module_in_which_it_occurs() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Sequential(nn.Linear(64, 8), nn.Linear(9, 2)))
    with pytest.raises(Unsupported, match=r"^1\.1 \(Linear\): mat1 and mat2 shapes"):
        structure_of(net, EXAMPLE, 2)


@pytest.mark.parametrize(
    ("where", "name", "words"),
    [
        (Structure, "of", "tracing Sequential took more than 0.2 seconds"),
        (probe, "_fault", "finding the channels of Sequential that can be removed took more than 0.4 seconds"),
    ],
)
def test_a_search_for_groups_that_does_not_end_is_stopped(
    monkeypatch: pytest.MonkeyPatch, where: object, name: str, words: str
) -> None:
    def forever(*_: object) -> None:
        while True:
            try:
                sum(range(1000))
            except Exception:  # as libraries do
                continue

    monkeypatch.setattr(probe, "SECONDS", 0.2)
    monkeypatch.setattr(where, name, forever)
    assert structure_of(KINDS["plain"](), EXAMPLE, 2).refused == words


def test_a_network_whose_groups_nobody_finds_is_refused_at_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a limit its search runs for minutes, and takes 18 GB."""
    monkeypatch.setattr(probe, "SECONDS", 0.3)
    net = SwinTransformer([4, 4], 8, [1, 1, 1], [1, 1, 1], [2, 2], num_classes=2)
    words = "tracing SwinTransformer took more than 0.3 seconds"
    assert structure_of(net, torch.zeros(1, 3, 16, 16), 2).refused == words


def test_a_search_for_groups_that_takes_all_memory_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TICK", 0.02)
    held = []
    with (
        pytest.raises(TimeoutError, match=r"^it took more than 0\.0625 GiB of memory$"),
        limits.limited("it", 60, 2**26),
    ):
        for _ in range(1000):
            held.append(b"x" * 2**20)
            sum(range(20_000))
    assert len(held) < 1000


def test_a_limit_is_gone_behind_its_block() -> None:
    with limits.limited("it", 0.05, 2**40):
        pass
    end = time.process_time() + 2 * limits.TICK
    while time.process_time() < end:
        pass


def test_logits_that_are_all_zero_are_equal() -> None:
    zeros = torch.zeros(2, 3)
    assert probe.difference(zeros, zeros) == 0
    assert probe.difference(zeros, zeros + 1e-9) == float("inf")
    assert probe.difference(zeros + 2, zeros + 1) == 0.5
