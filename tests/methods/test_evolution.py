"""Search over widths: candidates meet the target, in proportion to their shares; the fittest are bred."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from benchmarks.problem import Trainer
from methods import evolution
from methods.core.api import Keep
from methods.core.ranking import TOLERANCE
from tests.kinds import KINDS, settled


def wide() -> nn.Module:
    """Two hidden layers of 100."""
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 100), nn.ReLU(), nn.Linear(100, 100), nn.ReLU(), nn.Linear(100, 2))


def widths(keep: Keep) -> list[int]:
    return [int(mask.sum()) for mask in keep.values()]


@pytest.mark.parametrize("shares", [(1.0, 1.0), (1.0, 2.0), (3.0, 1.0)])
def test_widths_are_proportional_to_the_shares_and_meet_the_target(
    make_trainer: Callable[..., Trainer], shares: tuple[float, float]
) -> None:
    trainer = make_trainer(wide(), target=0.4)
    keep = evolution.widths_for(torch.tensor(shares), trainer)
    dense = trainer.macs(trainer.structure.everything())
    assert abs(trainer.macs(keep) / dense - 0.4) <= 0.4 * TOLERANCE
    one, other = widths(keep)
    if max(one, other) < 100:
        assert one / other == pytest.approx(shares[0] / shares[1], rel=0.05)
    else:  # a group has no more than all of its channels
        assert (one > other) == (shares[0] > shares[1])


@pytest.mark.parametrize("seed", range(5))
def test_the_first_channels_of_every_group_stay(make_trainer: Callable[..., Trainer], seed: int) -> None:
    trainer = make_trainer(KINDS["residual"](), target=0.5)
    shares = torch.rand(len(trainer.groups), generator=torch.Generator().manual_seed(seed)) + 0.5
    keep = evolution.widths_for(shares, trainer)
    assert all(torch.equal(mask, torch.arange(len(mask)) < mask.sum()) for mask in keep.values())


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


@pytest.mark.parametrize("seed", range(3))
def test_random_widths_lie_between_the_narrowest_and_all(make_trainer: Callable[..., Trainer], seed: int) -> None:
    trainer = make_trainer(wide(), target=0.5, run=("tiny", "wide", seed))
    drawn = torch.tensor([widths(evolution._random_widths(trainer, 0.2)) for _ in range(50)])
    assert drawn.min() >= 20 and drawn.max() <= 100
    assert drawn.min() < 40 and drawn.max() > 80
    assert (drawn[:, 0] != drawn[:, 1]).any(), "each group has a width of its own"


def planted(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """Fitness is the width of the first group; the candidates of each generation are noted."""
    generations: list[list[int]] = []

    def fitness(net: nn.Module, problem: Trainer, candidates: list[Keep]) -> Tensor:
        generations.append([widths(keep)[0] for keep in candidates])
        return torch.tensor(generations[-1]) / 100

    monkeypatch.setattr(evolution, "_fitness", fitness)
    return generations


def test_the_search_climbs_and_returns_the_fittest(
    make_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    generations = planted(monkeypatch)
    net = wide()
    trainer = make_trainer(net, target=0.5)
    keep = evolution.learn(net, trainer, evolution.Knobs(share=0.0))
    assert len(generations) == 5 and all(len(g) == 16 for g in generations)
    uniform = widths(evolution.widths_for(torch.ones(2), trainer))[0]
    assert generations[0][0] == uniform, "the uniform network is a candidate"
    assert widths(keep)[0] == max(max(g) for g in generations) > uniform


def test_fitness_is_the_validation_accuracy_of_each_candidate(make_trainer: Callable[..., Trainer]) -> None:
    net = settled(KINDS["residual"]())
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    trainer = make_trainer(net, target=0.5)
    everything = trainer.structure.everything()
    half = {name: torch.arange(len(mask)) < len(mask) // 2 for name, mask in everything.items()}
    fitness = evolution._fitness(net, trainer, [everything, half])
    net.train()
    correct = sum((net(b.images).argmax(1) == b.labels).sum().item() for b in trainer.data["validation"].batches(32))
    assert fitness[0].item() == pytest.approx(correct / 48)
    assert fitness[1] != fitness[0], "masks change what is scored"
    net.load_state_dict(before)
    assert trainer.step == 0, "no epoch is spent"


def test_scoring_leaves_the_network_as_it_was(make_trainer: Callable[..., Trainer]) -> None:
    net = settled(KINDS["residual"]())
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    trainer = make_trainer(net, target=0.5)
    evolution._fitness(net, trainer, [trainer.structure.everything()])
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    assert not net.training


def test_every_candidate_is_charged_for_every_validation_image(make_trainer: Callable[..., Trainer]) -> None:
    trainer = make_trainer(KINDS["plain"](), target=0.5)
    everything = trainer.structure.everything()
    evolution._fitness(KINDS["plain"](), trainer, [everything] * 5)
    assert trainer.spent["learn"].macs == 5 * trainer.macs(everything) * 48


def test_a_candidate_that_cannot_meet_the_target_does_not_end_the_search(make_trainer: Callable[..., Trainer]) -> None:
    """The uniform network can, in this small one; many random shares cannot."""
    net = KINDS["plain"]()
    trainer = make_trainer(net, target=0.5)
    evolution.widths_for(torch.ones(3), trainer)
    keep = evolution.learn(net, trainer, evolution.Knobs(generations=2))
    assert trainer.macs(keep) / trainer.macs(trainer.structure.everything()) == pytest.approx(0.5, rel=TOLERANCE)


def test_the_shared_network_is_trained_at_random_widths(
    make_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = []
    random_widths = evolution._random_widths
    monkeypatch.setattr(
        evolution,
        "_random_widths",
        lambda problem, narrowest: (drawn.append(random_widths(problem, narrowest)), drawn[-1])[1],
    )
    net = settled(KINDS["residual"]())
    trainer = make_trainer(net, target=0.5)
    evolution.learn(net, trainer, evolution.Knobs(share=0.5, generations=1))
    assert len(drawn) == 6, "one draw a step, for half of the budget"
    assert len({tuple(widths(keep)) for keep in drawn}) > 1
