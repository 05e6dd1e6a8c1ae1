"""Where each part's gradient goes, in the other ways of alternating; the gates that are not clamped."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from benchmarks.training.trainer import Trainer
from methods.core import gates
from methods.core.switching import ablations
from methods.core.switching.ablations import Epochs, HeldOut, Through, hard_concrete
from methods.core.switching.alternation import Alternation, Schedule
from methods.core.switching.readings import reading
from methods.core.switching.switcher_net import Switcher
from tests.kinds import KINDS, settled

SCHEDULE = Schedule(begin=0.25, end=0.75, turns=2, lr=0.1)


def alternation(
    make_trainer: Callable[..., Trainer],
    kind: type[Alternation],
    live: bool = False,
    signal: str = "loss",
    epochs: int = 4,
) -> Alternation:
    net = settled(KINDS["residual"]())
    trainer = make_trainer(net, epochs)
    switcher = Switcher(net, trainer.groups, torch.Generator().manual_seed(0), live=live)
    made = kind(net, trainer, switcher, SCHEDULE, reading("forced"), signal=signal)
    made.first, made.last = trainer.epochs + 1, trainer.epochs - 1
    return made


def reached(module: torch.nn.Module) -> bool:
    return any(p.grad is not None and p.grad.abs().sum() > 0 for p in module.parameters())


def test_the_loss_of_a_step_reaches_weights_and_factors_and_not_the_switcher(
    make_trainer: Callable[..., Trainer],
) -> None:
    made = alternation(make_trainer, Alternation)
    batch = made.problem.sample("train")
    made.problem.loss(made.net, batch, made.params()).backward()
    assert reached(made.net) and not reached(made.scorer)
    assert all(factor.grad is not None for factor in made.held.values())
    made.net.zero_grad()
    made.collect()
    made.steps.fill_(1)
    made.gradient()
    assert reached(made.scorer) and not reached(made.net), "and the switcher's turn reaches the switcher alone"


def test_through_the_switcher_one_loss_reaches_both(make_trainer: Callable[..., Trainer]) -> None:
    made = alternation(make_trainer, Through, live=True)
    made.net.eval()  # the same batch statistics in both passes
    batch = made.problem.sample("train")
    made.problem.loss(made.net, batch, made.params()).backward()
    assert reached(made.net) and reached(made.scorer)
    whole = [p.grad.clone() for p in made.net.parameters()]
    made.net.zero_grad()
    held = {name: factor.detach() for name, factor in made.factors(made.scorer(made.net)).items()}
    made.problem.loss(made.net, batch, gates.scaled(made.net, made.groups, held, made.site)).backward()
    assert any(not torch.allclose(p.grad, g) for p, g in zip(made.net.parameters(), whole, strict=True))


def test_the_gradient_of_a_held_out_batch_is_that_of_the_same_batch(make_trainer: Callable[..., Trainer]) -> None:
    made = alternation(make_trainer, HeldOut)
    made.net.eval()
    state = made.problem.rng.get_state()
    made.gradient()
    found = [p.grad.clone() for p in made.scorer.parameters() if p.grad is not None]
    made.problem.rng.set_state(state)
    batch = made.problem.sample("validation")
    made.scorer.zero_grad()
    factors = made.factors(made.scorer(made.net))
    loss = torch.nn.functional.cross_entropy(
        gates.gated(made.net, made.groups, factors, batch.images, made.site), batch.labels
    )
    loss.backward()
    expected = [p.grad for p in made.scorer.parameters() if p.grad is not None]
    assert all(torch.allclose(f, e, atol=1e-6) for f, e in zip(found, expected, strict=True))
    assert sum(f.abs().sum() for f in found) > 0


def test_in_the_switchers_epochs_the_weights_rest_and_the_budget_is_spent(make_trainer: Callable[..., Trainer]) -> None:
    states = []

    class Watched(Epochs):
        def turn(self, optimizer: torch.optim.Optimizer) -> None:
            states.append(
                [nn.utils.parameters_to_vector(part.parameters()).clone() for part in (self.net, self.scorer)]
            )
            super().turn(optimizer)

    made = alternation(make_trainer, Watched, epochs=12)
    left = made.problem.epochs
    made.run()
    window = (made.schedule.end - made.schedule.begin) * left
    assert len(states) == round(window / 3 * made.problem.epoch_steps), "a third of the window, a step a batch"
    half = len(states) // 2
    for turn in (states[:half], states[half:]):
        assert all(torch.equal(weights, turn[0][0]) for weights, _ in turn)
        assert not any(torch.equal(scorer, turn[0][1]) for _, scorer in turn[1:])
    assert not torch.equal(states[0][0], states[-1][0]), "and between the turns they learn"
    assert made.problem.epochs == pytest.approx(left * (1 - made.schedule.end))


@pytest.mark.parametrize("output", sorted(ablations.OUTPUTS))
def test_every_output_begins_at_exactly_one_and_can_reach_zero(
    output: str, make_trainer: Callable[..., Trainer]
) -> None:
    gate = ablations.OUTPUTS[output](make_trainer(KINDS["plain"]()))
    assert torch.equal(gate(torch.ones(50)), torch.ones(50))
    assert not gate(torch.full((50,), -2.0)).any()
    raw = torch.full((50,), 0.3, requires_grad=True)
    gate(raw).sum().backward()
    assert raw.grad.abs().sum() > 0


def test_the_hard_concrete_gate_is_random_where_it_is_undecided(make_trainer: Callable[..., Trainer]) -> None:
    trainer = make_trainer(KINDS["plain"]())
    drawn = hard_concrete(trainer)(torch.zeros(2000))
    assert 0 < (drawn == 0).float().mean() < 1 and 0 < (drawn == 1).float().mean() < 1
    assert not torch.equal(drawn, hard_concrete(trainer)(torch.zeros(2000)))


@pytest.mark.parametrize("kind", [Alternation, Through, HeldOut, Epochs])
def test_without_a_signal_no_way_of_alternating_reaches_the_switcher(
    kind: type[Alternation], make_trainer: Callable[..., Trainer]
) -> None:
    for signal, learns in (("loss", True), ("none", False)):
        made = alternation(make_trainer, kind, signal=signal)
        batch = made.problem.sample("train")
        made.problem.loss(made.net, batch, made.params()).backward()
        made.collect()
        made.steps.fill_(1)
        made.batch = batch  # of Epochs
        made.gradient()
        assert reached(made.scorer) == learns
