"""Search over widths: the fittest are bred, and no widths are scored twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor, nn

from benchmarks import registry
from benchmarks.training.trainer import Trainer
from methods import evolution
from methods.core import search
from methods.core.api import Keep, Unsupported
from methods.core.ranking import TOLERANCE
from methods.core.search import pairs
from methods.core.widths import widths_for
from tests.kinds import KINDS

MakeTrainer = Callable[..., Trainer]


def wide() -> nn.Module:
    """Two hidden layers of 100."""
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 100), nn.ReLU(), nn.Linear(100, 100), nn.ReLU(), nn.Linear(100, 2))


def first_width(keep: Keep) -> int:
    return int(next(iter(keep.values())).sum())


def test_children_are_mutated_or_crossed_from_their_parents() -> None:
    knobs = evolution.Knobs(population=40, mutation=0.3)
    parents = torch.tensor([[1.0, 10.0, 100.0], [2.0, 20.0, 200.0]])
    children = evolution._children(parents, knobs, torch.Generator().manual_seed(0))
    assert children.shape == (40, 3)
    mutated, crossed = children[:20], children[20:]
    assert all(gene in column for child in crossed for gene, column in zip(child, parents.T, strict=True))
    assert any(child[0] / 1 != child[1] / 10 for child in crossed), "genes of both parents in one child"
    assert not any(gene in column for child in mutated for gene, column in zip(child, parents.T, strict=True))
    assert (mutated > 0).all()


def test_without_mutation_children_are_made_of_their_parents() -> None:
    parents = torch.tensor([[1.0, 10.0], [2.0, 20.0]])
    children = evolution._children(parents, evolution.Knobs(mutation=0.0), torch.Generator().manual_seed(0))
    assert all(gene in column for child in children for gene, column in zip(child, parents.T, strict=True))


@pytest.fixture
def generations(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """Fitness is the width of the first group; the candidates of each generation are noted."""
    noted: list[list[int]] = []

    def fitness(net: nn.Module, problem: Trainer, candidates: Sequence[Keep]) -> Tensor:
        noted.append([first_width(keep) for keep in candidates])
        return torch.tensor(noted[-1]) / 100

    monkeypatch.setattr(evolution, "accuracies", fitness)
    return noted


@pytest.mark.decides
def test_the_search_climbs_and_returns_the_fittest(make_trainer: MakeTrainer, generations: list[list[int]]) -> None:
    net = wide()
    trainer = make_trainer(net, epochs=0, target=0.5)
    keep = evolution.learn(net, trainer, evolution.Knobs())
    assert [len(generation) for generation in generations][:4] == [16] * 4, "the last finds few that are new"
    uniform = first_width(widths_for(torch.ones(2), trainer))
    assert first_width(keep) == max(max(generation) for generation in generations) > uniform
    assert sum(generations[1]) > sum(generations[0]), "children are fitter than a random draw"


def test_no_widths_are_scored_twice_and_parents_survive(
    make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without mutation one parent has only itself for a child: random candidates take the places of the copies."""
    scored: list[tuple[int, ...]] = []

    def widest(net: nn.Module, problem: Trainer, candidates: Sequence[Keep]) -> Tensor:
        scored.extend(tuple(int(mask.sum()) for mask in keep.values()) for keep in candidates)
        return torch.tensor([float(next(iter(keep.values())).sum()) for keep in candidates])

    monkeypatch.setattr(evolution, "accuracies", widest)
    net = wide()
    knobs = evolution.Knobs(generations=3, parents=1, mutation=0.0)
    monkeypatch.setattr(evolution, "draw", lambda n, groups, _, rng: torch.randn(n, groups, generator=rng).exp())
    keep = evolution.learn(net, make_trainer(net, epochs=0, target=0.5), knobs)
    assert len(scored) == len(set(scored)) == 3 * 16
    assert first_width(keep) == max(first for first, *_ in scored)


def test_two_parents_are_crossed_not_one_with_itself() -> None:
    mother, father = pairs(torch.arange(4.0)[:, None], 400, torch.Generator().manual_seed(0))
    assert (mother != father).all() and set(mother.flatten().tolist()) == set(father.flatten().tolist()) == {0, 1, 2, 3}
    alone, other = pairs(torch.ones(1, 2), 3, torch.Generator().manual_seed(0))
    assert torch.equal(alone, other)


@pytest.mark.parametrize("seed", range(4))
def test_widths_go_up_as_often_as_down(make_trainer: MakeTrainer, generations: list[list[int]], seed: int) -> None:
    """A mutated share is larger than its parent's in half of the cases, and the first generation has no bias either."""
    rng = torch.Generator().manual_seed(seed)
    parents = torch.ones(2, 50)
    mutated = evolution._children(parents, evolution.Knobs(population=40), rng)[:20]
    assert (mutated > 1).float().mean().item() == pytest.approx(0.5, abs=0.08)
    drawn = evolution.draw(40, 50, evolution.Knobs(), rng)
    assert (drawn > 1).float().mean().item() == pytest.approx(0.5, abs=0.08)
    assert (drawn[0] != 1).all(), "no candidate is planted"


def test_a_generation_without_a_candidate_is_drawn_anew(
    make_trainer: MakeTrainer, generations: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first two draws miss the target, the third does not."""
    tried: list[Tensor] = []
    possible = search.possible

    def at_first_impossible(shares: Tensor, problem: Trainer) -> tuple[Tensor, list[Keep]]:
        tried.append(shares)
        return possible(shares, problem) if len(tried) > 2 else (shares[:0], [])

    monkeypatch.setattr(search, "possible", at_first_impossible)
    net = wide()
    evolution.learn(net, make_trainer(net, epochs=0, target=0.5), evolution.Knobs())
    assert [len(generation) for generation in generations][:4] == [16] * 4
    assert not torch.equal(tried[0], tried[1]) and not torch.equal(tried[1], tried[2])


def test_a_candidate_that_cannot_meet_the_target_does_not_end_the_search(make_trainer: MakeTrainer) -> None:
    """Some random shares can, in this small one; many cannot."""
    net = KINDS["plain"]()
    trainer = make_trainer(net, target=0.5)
    keep = evolution.learn(net, trainer, evolution.Knobs(generations=2))
    assert trainer.macs(keep) / trainer.macs(trainer.everything()) == pytest.approx(0.5, rel=TOLERANCE)


def test_a_target_that_no_candidate_meets_is_refused(make_trainer: MakeTrainer) -> None:
    net = KINDS["plain"]()
    with pytest.raises(Unsupported, match="no candidate keeps"):
        evolution.learn(net, make_trainer(net, epochs=0, target=1e-6), evolution.Knobs())


def test_the_shared_network_is_trained_for_all_of_the_searchs_budget(make_trainer: MakeTrainer) -> None:
    net = KINDS["residual"]()
    trainer = make_trainer(net, target=0.5)
    before = net[0][0].weight.detach().clone()
    evolution.learn(net, trainer, evolution.Knobs(generations=1))
    assert trainer.step == trainer.budget.end
    assert not torch.equal(net[0][0].weight, before)


def test_the_fittest_of_the_parents_is_the_answer(make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: no two candidates are equally fit, and each is fitter than those before it."""
    scored: list[Keep] = []

    def rising(net: nn.Module, problem: Trainer, candidates: Sequence[Keep]) -> Tensor:
        scored.extend(candidates)
        return torch.arange(len(scored), dtype=torch.float32)[-len(candidates) :]

    monkeypatch.setattr(evolution, "accuracies", rising)
    net = wide()
    keep = evolution.learn(net, make_trainer(net, epochs=0, target=0.5), evolution.Knobs(generations=2))
    assert keep is scored[-1]


def test_only_the_widths_are_kept() -> None:
    """The weights of the search serve all widths: the found network is trained from new ones, as in the paper."""
    assert registry.card("evolution").retrain == "scratch"
