"""Markov channel pruning: marginals and expected MACs against enumeration, and what each step may change."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from benchmarks import registry
from benchmarks.training.trainer import Trainer
from methods import dmcp
from methods.core.api import Batch
from methods.core.ranking import TOLERANCE
from methods.core.widths import widths_for
from tests.kinds import KINDS, Residual, conv, head, settled

MakeTrainer = Callable[..., Trainer]


def tiny() -> nn.Module:
    """A stream of 3 channels, a layer of 3 within it, and one of 4 behind."""
    return nn.Sequential(conv(1, 3), Residual(3, 3), conv(3, 4), head(4, 2))


def process_of(trainer: Trainer, **knobs: float) -> dmcp.Markov:
    process = dmcp.Markov(trainer, dmcp.Knobs(**knobs), torch.device("cpu"))
    for i, alpha in enumerate(process.alpha):
        alpha.data = torch.linspace(-1.0, 1.5, len(alpha)) + 0.1 * i
    return process


def test_a_marginal_is_the_product_of_the_transitions_up_to_the_block(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(nn.Sequential(nn.Flatten(), nn.Linear(64, 10), nn.ReLU(), nn.Linear(10, 2)), target=0.5)
    process = process_of(trainer, blocks=4, least=0.2)
    p = [1 / (1 + math.exp(-a)) for a in process.alpha[0].tolist()]
    assert process.block["1"].tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    expected = [1.0, p[0], p[0] * p[1], p[0] * p[1] * p[2], p[0] * p[1] * p[2] * p[3]]
    assert process.marginals()["1"].tolist() == pytest.approx([m for m in expected for _ in range(2)])


def test_draws_come_as_often_as_the_marginals_say_and_keep_the_first_channels(make_trainer: MakeTrainer) -> None:
    process = process_of(make_trainer(tiny(), target=0.5))
    rng = torch.Generator().manual_seed(0)
    draws = [process.draw(rng) for _ in range(4000)]
    for name, marginal in process.marginals().items():
        drawn = torch.stack([draw[name] for draw in draws])
        assert torch.allclose(drawn.mean(0), marginal.detach(), atol=0.03)
        assert (drawn.diff(dim=1) <= 0).all() and (drawn[:, 0] == 1).all()


def test_expected_macs_are_those_of_all_widths_by_their_probability(make_trainer: MakeTrainer) -> None:
    """Enumerated."""
    trainer = make_trainer(tiny(), target=0.5)
    process = process_of(trainer)
    marginals = process.marginals()
    chance = {  # of a width: the next channel's marginal is missing
        name: torch.cat([m, m.new_zeros(1)]).diff().neg().tolist() for name, m in marginals.items()
    }
    dense, expected, total = trainer.macs(trainer.everything()), 0.0, 0.0
    for choice in itertools.product(*(range(len(m)) for m in marginals.values())):
        keep = {n: torch.arange(len(m)) <= w for (n, m), w in zip(marginals.items(), choice, strict=True)}
        p = math.prod(chance[name][width] for name, width in zip(marginals, choice, strict=True))
        expected += p * trainer.macs(keep) / dense
        total += p
    assert total == pytest.approx(1.0)
    assert len(marginals) > 1
    assert dmcp.ExpectedCost(trainer).expected(marginals).item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("of", KINDS)
@pytest.mark.parametrize("seed", [0, 1])
def test_certain_widths_cost_what_the_network_costs(of: str, seed: int, make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(KINDS[of](), target=0.5)
    rng = torch.Generator().manual_seed(seed)
    keep = {g.name: torch.arange(g.size) <= torch.randint(g.size, (), generator=rng) for g in trainer.groups}
    exact = trainer.macs(keep) / trainer.macs(trainer.everything())
    expected = dmcp.ExpectedCost(trainer).expected({name: mask.float() for name, mask in keep.items()})
    assert expected.item() == pytest.approx(exact, rel=1e-6)


def test_the_distance_draws_expected_macs_to_the_target_from_both_sides(make_trainer: MakeTrainer) -> None:
    for target, sign, aim in ((0.05, 1.0, 0.95 * 0.05), (1.0, -1.0, 1.0)):  # from above to the band's lower end
        process = process_of(trainer := make_trainer(tiny(), target=target))
        cost = dmcp.ExpectedCost(trainer)
        distance = cost.distance(marginals := process.marginals())
        assert distance.item() == pytest.approx(math.log(abs(cost.expected(marginals).item() - aim)), rel=1e-5)
        distance.backward()
        assert all((sign * alpha.grad > 0).all() for alpha in process.alpha)
    near = make_trainer(tiny(), target=cost.expected(marginals).item() * 1.02)
    process.zero_grad()
    dmcp.ExpectedCost(near).distance(process.marginals()).backward()
    assert all((alpha.grad == 0).all() for alpha in process.alpha), "near enough"


def searched(make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch, **knobs: float) -> dmcp.Markov:
    """The processes behind a search."""
    made: list[dmcp.Markov] = []
    with monkeypatch.context() as patch:
        patch.setattr(dmcp, "Markov", lambda *given, of=dmcp.Markov: (made.append(of(*given)), made[0])[1])
        torch.manual_seed(0)
        net = settled(KINDS["residual"]())
        trainer = make_trainer(net, epochs=8, target=0.3)
        keep = dmcp.learn(net, trainer, dmcp.Knobs(**knobs))
    assert trainer.macs(keep) / trainer.macs(trainer.everything()) == pytest.approx(0.3, rel=TOLERANCE)
    return made[0]


def test_the_architecture_waits_for_the_warm_up(make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = searched(make_trainer, monkeypatch, warmup=1.0)
    assert all((p == 0.5).all() for p in map(torch.sigmoid, waiting.alpha)), "the authors' start"


@pytest.mark.parametrize("epochs", [1, 2])
def test_both_parts_of_the_search_are_all_of_it_whatever_the_number_of_steps(
    epochs: int, make_trainer: MakeTrainer
) -> None:
    """3 and 6 steps: two halves of 1.5 are no 2 and 2."""
    net = KINDS["residual"]()
    trainer = make_trainer(net, epochs=epochs, target=0.5)
    dmcp.learn(net, trainer, dmcp.Knobs())
    assert trainer.step == trainer.budget.end == 3 * epochs


def test_the_budget_term_brings_the_expected_macs_to_the_target(
    make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = {}
    for penalty in (0.0, 1.0):
        process = searched(make_trainer, monkeypatch, penalty=penalty, lr=8.0)
        trainer = make_trainer(settled(KINDS["residual"]()), target=0.3)
        away[penalty] = abs(dmcp.ExpectedCost(trainer).expected(process.marginals()).item() - 0.3)
    assert away[1.0] < 0.5 * away[0.0]


def test_behind_the_warm_up_the_weights_learn_the_narrowest_network_and_two_of_the_process(
    make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[dict[str, Tensor]]] = []

    def learn_widths(net: nn.Module, problem: Trainer, batch: Batch, optimizer: object, narrow: list) -> None:
        seen.append(narrow)
        problem.loss(net, batch)

    monkeypatch.setattr(dmcp, "learn_widths", learn_widths)
    process = searched(make_trainer, monkeypatch, warmup=0.5, lr=0.0)
    least = process.least()
    assert all(len(narrow) == 3 for narrow in seen)
    assert all(torch.equal(narrow[0][name], mask) for narrow in seen for name, mask in least.items())
    late = [drawn for narrow in seen[len(seen) // 2 :] for drawn in narrow[1:]]
    for name, marginal in process.marginals().items():  # p = 0.5: the second block comes every other time
        second = torch.stack([drawn[name] for drawn in late])[:, process.block[name] == 1]
        assert second.mean().item() == pytest.approx(marginal[process.block[name] == 1].mean().item(), abs=0.25)
        last = torch.stack([drawn[name] for drawn in late])[:, -1]
        assert last.mean() < 0.2, "random widths would have it in half of the networks"


@pytest.mark.parametrize("narrow", [0, 3])
@pytest.mark.decides
def test_the_expected_widths_of_the_processes_are_returned(
    make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch, narrow: int
) -> None:
    """Planted: one group's blocks are unlikely, the others' likely; without a step of the architecture."""
    made: list[dmcp.Markov] = []

    def planted(*given: object, of: type = dmcp.Markov) -> dmcp.Markov:
        made.append(process := of(*given))
        for i, alpha in enumerate(process.alpha):
            alpha.data.fill_(0.0 if i == narrow else 3.0)
        return process

    monkeypatch.setattr(dmcp, "Markov", planted)
    net = KINDS["residual"]()
    trainer = make_trainer(net, epochs=1, target=0.5)
    keep = dmcp.learn(net, trainer, dmcp.Knobs(warmup=1.0))
    expected = torch.stack([marginal.mean() for marginal in made[0].marginals().values()]).detach()
    wanted = widths_for(expected, trainer)
    assert all(torch.equal(mask, wanted[name]) for name, mask in keep.items())
    shares = [mask.float().mean().item() for mask in keep.values()]
    assert shares.index(min(shares)) == narrow and min(shares) < 0.6 * max(shares)


@pytest.mark.decides
def test_the_processes_learn_from_the_loss(make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a budget term, a loss that counts only the channels of the first group makes no other narrow."""
    made: list[dmcp.Markov] = []
    monkeypatch.setattr(dmcp, "Markov", lambda *given, of=dmcp.Markov: (made.append(of(*given)), made[0])[1])
    monkeypatch.setattr(dmcp, "learn_widths", lambda net, problem, batch, *_: problem.loss(net, batch))
    net = KINDS["residual"]()
    trainer = make_trainer(net, epochs=4, target=0.5)
    loss, first = trainer.loss, trainer.groups[0].gates[0].module

    def counting(net: nn.Module, batch: Batch, params: dict[str, Tensor] | None = None) -> Tensor:
        value = loss(net, batch, params)
        return value if params is None else 0 * value + params[f"{first}.weight"].sum()

    monkeypatch.setattr(trainer, "loss", counting)
    dmcp.learn(net, trainer, dmcp.Knobs(penalty=0.0, lr=0.3))
    moved = [bool((alpha < -0.5).any()) for alpha in made[0].alpha]
    assert moved == [True] + [False] * (len(moved) - 1)


def test_only_the_widths_are_kept() -> None:
    """The weights of the search serve all widths: the found network is trained from new ones."""
    assert registry.card("dmcp").retrain == "scratch"
