"""From scores to a choice of channels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from benchmarks.networks import lenet5_wide
from benchmarks.training.trainer import Trainer
from methods.core.api import Group, Keep, Unsupported
from methods.core.ranking import TOLERANCE, few_batches, hooked, keep_by_rank, map_scores, writer_norm
from methods.core.structure.structure import Structure
from tests.kinds import EXAMPLE, KINDS, settled


@dataclass
class Sized:
    """All that a ranking sees of a problem."""

    structure: Structure
    target: float

    @property
    def groups(self) -> tuple[Group, ...]:
        return self.structure.groups

    def macs(self, keep: Keep) -> int:
        return self.structure.macs(keep)

    def everything(self) -> Keep:
        return self.structure.everything()


def two_layers(first: int = 100, second: int = 100) -> nn.Module:
    """Groups "1" and "3"; a channel of "1" costs 64 + `second` MACs."""
    return nn.Sequential(
        nn.Flatten(), nn.Linear(64, first), nn.ReLU(), nn.Linear(first, second), nn.ReLU(), nn.Linear(second, 2)
    )


def sized(net: nn.Module, target: float) -> Sized:
    return Sized(Structure.of(net, EXAMPLE), target)


def draw(problem: Sized, seed: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {g.name: torch.rand(g.size, generator=generator) for g in problem.groups}


@pytest.mark.parametrize("ranking", ["uniform", "global"])
@given(seed=st.integers(0, 10_000), target=st.floats(0.2, 0.9))
def test_the_target_is_met_or_refused_and_no_group_is_emptied(
    kind: str, ranking: str, seed: int, target: float
) -> None:
    problem = sized(KINDS[kind](), target)
    try:
        keep = keep_by_rank(draw(problem, seed), problem, ranking)
    except Unsupported as refusal:
        assert f"{target:.1%}" in str(refusal)
        return
    reached = problem.macs(keep) / problem.macs(problem.structure.everything())
    assert abs(reached - target) <= TOLERANCE * target
    assert set(keep) == {g.name for g in problem.groups}
    assert all(mask.dtype == torch.bool and mask.any() for mask in keep.values())


@pytest.mark.parametrize("target", [0.3, 0.5, 0.7])
def test_ordinary_targets_are_met_on_every_kind(kind: str, target: float) -> None:
    """A ranking that refused everything would pass the test above."""
    problem = sized(KINDS[kind](), target)
    keep = keep_by_rank(draw(problem, 1), problem)
    reached = problem.macs(keep) / problem.macs(problem.structure.everything())
    assert abs(reached - target) <= TOLERANCE * target


def test_uniform_takes_the_same_share_of_every_group() -> None:
    problem = sized(two_layers(100, 200), 0.5)
    scores = {"1": torch.rand(100), "3": 1000 + torch.rand(200)}
    keep = keep_by_rank(scores, problem, "uniform")
    shares = [mask.float().mean().item() for mask in keep.values()]
    assert shares[0] == pytest.approx(shares[1], abs=0.01)
    assert shares[0] < 0.8


def test_global_compares_scores_across_groups() -> None:
    problem = sized(two_layers(), 0.5)
    keep = keep_by_rank({"1": torch.rand(100), "3": 1000 + torch.rand(100)}, problem, "global")
    assert keep["3"].all()
    assert not keep["1"].all()


@pytest.mark.parametrize("ranking", ["uniform", "global"])
def test_the_lowest_scores_go_first(ranking: str) -> None:
    problem = sized(two_layers(), 0.5)
    scores = draw(problem, 0)
    keep = keep_by_rank(scores, problem, ranking)
    for name, mask in keep.items():
        assert mask.sum() < 100
        assert scores[name][mask].min() > scores[name][~mask].max()


def test_a_channel_that_would_overshoot_is_passed_over() -> None:
    """The first in line is a whole layer's worth; smaller ones meet the target."""
    problem = sized(two_layers(2, 60), 0.9)
    keep = keep_by_rank({"1": torch.zeros(2), "3": torch.ones(60)}, problem, "global")
    assert keep["1"].all()
    assert not keep["3"].all()


def test_the_last_channel_of_a_group_stays_even_with_the_lowest_score() -> None:
    problem = sized(two_layers(100, 2), 0.5)
    keep = keep_by_rank({"1": 1 + torch.rand(100), "3": -torch.ones(2)}, problem, "global")
    assert keep["3"].sum() == 1


def test_a_target_that_cannot_be_met_is_refused_with_the_nearest() -> None:
    with pytest.raises(Unsupported, match=r"cannot keep 10\.0% of the MACs: .*% is the least above it"):
        problem = sized(two_layers(2, 2), 0.1)
        keep_by_rank({"1": torch.zeros(2), "3": torch.zeros(2)}, problem)


def in_rounds(problem: Sized, scores: dict[str, Tensor], rounds: int, floor: float = 0.0) -> Keep:
    keep = problem.everything()
    for done in range(1, rounds + 1):
        keep = keep_by_rank(scores, problem, "global", since=keep, progress=done / rounds, floor=floor)
    return keep


@pytest.mark.parametrize("linear_low", [True, False])
def test_small_rounds_remove_what_one_round_removes(linear_low: bool) -> None:
    """A 24th of the way is 2 % of the wide LeNet-5's MACs, and a channel of its first layer 8 %."""
    net = lenet5_wide.build(1, 28, 10)
    problem = Sized(Structure.of(net, torch.zeros(1, 1, 28, 28)), 0.5)
    drawn = draw(problem, 0)
    scores = {name: score + 10 * (name.startswith("fc") != linear_low) for name, score in drawn.items()}
    once, often = (in_rounds(problem, scores, rounds, floor=0.1) for rounds in (1, 24))
    for name, mask in often.items():
        assert abs(int(mask.sum()) - int(once[name].sum())) <= 0.05 * len(mask) + 1, name
    if linear_low:
        assert [int(often[name].sum()) for name in ("fc1", "fc2")] == [24, 16], "down to the floor"
    else:
        assert [bool(often[name].all()) for name in ("fc1", "fc2")] == [True, True]


def test_a_channel_that_costs_more_than_a_round_waits_for_its_turn_and_nothing_overtakes_it() -> None:
    """A channel of "1" costs 20 % of the MACs, a round removes 4 %; those of "3" are cheap and score higher."""
    problem = sized(two_layers(4, 60), 0.6)
    scores = {"1": torch.arange(4.0), "3": torch.arange(60.0) + 100}
    keep, widths = problem.everything(), []
    for done in range(1, 11):
        keep = keep_by_rank(scores, problem, "global", since=keep, progress=done / 10)
        widths.append([int(keep[name].sum()) for name in ("1", "3")])
    assert all(three == 60 for _, three in widths)
    assert [one for one, _ in widths] == [4] * 4 + [3] * 5 + [2]


def test_what_has_gone_stays_gone_whatever_it_scores_now() -> None:
    problem = sized(two_layers(), 0.5)
    scores = draw(problem, 0)
    half = keep_by_rank(scores, problem, "global", progress=0.5)
    whole = keep_by_rank({n: -s for n, s in scores.items()}, problem, "global", since=half)
    assert all(not (whole[name] & ~half[name]).any() for name in half)
    dense = problem.macs(problem.everything())
    assert problem.macs(half) / dense == pytest.approx(0.75, rel=TOLERANCE)
    assert problem.macs(whole) / dense == pytest.approx(0.5, rel=TOLERANCE)


def test_no_group_goes_below_the_floor() -> None:
    problem = sized(two_layers(), 0.1)
    keep = keep_by_rank({"1": torch.linspace(0, 1, 100), "3": 2 + torch.rand(100)}, problem, "global", floor=0.1)
    assert torch.equal(keep["1"], torch.arange(100) >= 90)
    assert 10 < keep["3"].sum() < 100
    with pytest.raises(Unsupported):
        keep_by_rank(draw(problem, 0), problem, "global", floor=0.5)


def test_equal_scores_are_ranked_alike_every_time(kind: str) -> None:
    problem = sized(KINDS[kind](), 0.5)
    scores = {g.name: torch.zeros(g.size) for g in problem.groups}
    one, other = keep_by_rank(scores, problem), keep_by_rank(scores, problem)
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_ranking_without_a_target_is_a_mistake_of_the_caller() -> None:
    problem = sized(two_layers(), 0.5)
    problem.target = None  # type: ignore[assignment]
    with pytest.raises(AssertionError):
        keep_by_rank(draw(problem, 0), problem)


def test_the_norm_of_a_channel_is_taken_over_all_its_writers() -> None:
    net = KINDS["residual"]()
    group = next(g for g in Structure.of(net, EXAMPLE).groups if len(g.writers) == 3)
    modules = dict(net.named_modules())
    weights = [modules[s.module].weight.detach() for s in group.writers]
    for p in (1, 2):
        powers = torch.stack([weight.abs().pow(p).sum((1, 2, 3)) for weight in weights])
        assert torch.allclose(writer_norm(net, group, p=p), powers.sum(0).pow(1 / p))


@pytest.mark.parametrize(("epochs", "asked", "handed"), [(1, 9, 1), (20, 4, 4), (20, 9, 6)])
def test_statistics_take_a_few_batches_and_at_most_a_tenth_of_the_budget(
    epochs: int, asked: int, handed: int, make_trainer: Callable[..., Trainer]
) -> None:
    net = settled(KINDS["residual"]()).train()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    trainer, seen = make_trainer(net, epochs), 0
    for batch in few_batches(net, trainer, asked, state=()):
        trainer.loss(net, batch)
        seen += 1
    assert seen == trainer.step == handed
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items()), "running statistics"


def test_activations_are_those_behind_the_last_norm_of_every_branch(make_trainer: Callable[..., Trainer]) -> None:
    net = settled(KINDS["residual"]())
    trainer = make_trainer(net)
    group = next(g for g in trainer.groups if len(g.gates) == 3)
    seen: list[Tensor] = []
    hooks = [(site.module, lambda module, inputs, output: seen.append(output.detach())) for site in group.gates]
    with hooked(net, hooks):
        scores = map_scores(net, trainer, 1, lambda maps: maps.sum((0, 2, 3, 4)))
    assert len(seen) == 3
    torch.testing.assert_close(scores[group.name], torch.stack([m.relu().sum((0, 2, 3)) for m in seen]).mean(0))


def test_activations_have_one_form_for_every_layer(kind: str, make_trainer: Callable[..., Trainer]) -> None:
    net = settled(KINDS[kind]())
    trainer = make_trainer(net)
    shapes: list[torch.Size] = []

    def measure(maps: Tensor) -> Tensor:
        shapes.append(maps.shape)
        return maps.new_zeros(maps.shape[1])

    map_scores(net, trainer, 1, measure)
    assert len(shapes) == sum(len(g.gates) for g in trainer.groups)
    assert all(len(shape) == 5 and shape[0] == 32 for shape in shapes)
    assert {(s[1], s[2]) for s in shapes} == {tuple(site.index.shape) for g in trainer.groups for site in g.gates}


def test_hooks_are_removed_even_if_the_pass_fails() -> None:
    net = two_layers()
    with pytest.raises(ZeroDivisionError), hooked(net, [("1", lambda *_: 1 / 0)]):
        net(EXAMPLE)
    assert not net[1]._forward_hooks
