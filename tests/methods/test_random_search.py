"""Random search: the best of its candidates is taken, and candidates are random."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor

from benchmarks import registry
from benchmarks.training.trainer import Trainer
from methods import evolution, random_search
from methods.core.api import Keep, Unsupported
from methods.core.ranking import TOLERANCE
from tests.kinds import KINDS

MakeTrainer = Callable[..., Trainer]


@pytest.mark.parametrize("best", [0, 3, 11])
@pytest.mark.decides
def test_the_best_of_the_candidates_is_taken(
    make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch, best: int
) -> None:
    scored: list[Keep] = []

    def planted(net: torch.nn.Module, problem: Trainer, candidates: Sequence[Keep]) -> Tensor:
        scored.extend(candidates)
        return torch.arange(len(candidates)).eq(best).float() / 2 + 0.25

    monkeypatch.setattr(random_search, "accuracies", planted)
    net = KINDS["residual"]()
    trainer = make_trainer(net, epochs=0, target=0.5)
    keep = random_search.learn(net, trainer, random_search.Knobs(candidates=40))
    assert keep is scored[best]
    assert trainer.loops.history.notes == {"validation_accuracy": 0.75}
    dense = trainer.macs(trainer.everything())
    assert all(trainer.macs(k) / dense == pytest.approx(0.5, rel=TOLERANCE) for k in scored)
    assert len({tuple(int(m.sum()) for m in k.values()) for k in scored}) > len(scored) / 2, "they differ"


def test_it_scores_as_many_as_evolution() -> None:
    """And is given all else that evolution has: only the search is different."""
    own, other = random_search.Knobs(), evolution.Knobs()
    assert own.candidates == other.population * other.generations
    assert own.spread == 2 * other.mutation
    assert (own.share, own.narrowest, own.between, own.budget) == (
        other.share,
        other.narrowest,
        other.between,
        other.budget,
    )


def test_a_target_that_no_candidate_meets_is_refused(make_trainer: MakeTrainer) -> None:
    net = KINDS["plain"]()
    with pytest.raises(Unsupported, match="none of 80 random widths"):
        random_search.learn(net, make_trainer(net, epochs=0, target=1e-6), random_search.Knobs())


def test_the_shared_network_is_trained_for_all_of_the_searchs_budget(make_trainer: MakeTrainer) -> None:
    net = KINDS["residual"]()
    trainer = make_trainer(net, target=0.5)
    before = net[0][0].weight.detach().clone()
    random_search.learn(net, trainer, random_search.Knobs(candidates=4))
    assert trainer.step == trainer.budget.end
    assert not torch.equal(net[0][0].weight, before)


def test_only_the_widths_are_kept() -> None:
    """The weights of the search serve all widths: the found network is trained from new ones, as in the paper."""
    assert registry.card("random_search").retrain == "scratch"
