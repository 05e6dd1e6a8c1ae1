"""Weights and factors in turn: the window, its turns, the fold, the signal, and the budget."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from benchmarks.training.checkpoint import Journal
from benchmarks.training.trainer import Trainer
from methods.core import gates
from methods.core.api import Keep, Unsupported
from methods.core.gates import Place
from methods.core.switching import alternation
from methods.core.switching.alternation import SIGNALS, Alternation, Schedule
from methods.core.switching.rationing import FLOOR, SETTLED, rationed
from methods.core.switching.readings import Name, clamp, reading
from methods.free_factor import Free
from tests.kinds import KINDS, settled

IMAGES = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(3))
FORCED = reading("forced")
SCHEDULE = Schedule(begin=0.25, end=0.75, turns=2, lr=0.1)  # of 4 epochs of 3 steps, the window is 6 steps


def scorer_of(trainer: Trainer, macs: float = 0.0) -> Free:
    """A scorer without a network: a parameter a channel."""
    scorer = Free(trainer.groups, trainer.rng, FORCED)
    scorer.macs = macs
    return scorer


@pytest.mark.parametrize("turns", [1, 2, 3, 6])
@pytest.mark.parametrize("epochs", [4, 8])
def test_the_scorer_steps_once_a_turn_however_long_the_run(
    make_trainer: Callable[..., Trainer], turns: int, epochs: int
) -> None:
    """Each of its steps is charged as two forward passes and a backward one, and the first factors as a pass."""
    net = settled(KINDS["plain"]())
    trainer = make_trainer(net, epochs=epochs)
    Alternation(net, trainer, scorer_of(trainer, 1e9), replace(SCHEDULE, turns=turns), FORCED).run()
    steps = epochs * 3 * 3 // 4
    assert trainer.spent["learn"].steps == steps
    assert trainer.spent["learn"].macs == 3 * trainer.image_macs * 32 * steps + (1 + 4 * turns) * 1e9


def test_a_gain_of_zero_is_the_dense_run_to_the_bit(kind: str, make_trainer: Callable[..., Trainer]) -> None:
    dense, net = settled(KINDS[kind]()), settled(KINDS[kind]())
    make_trainer(dense, run=("tiny", kind, 0)).fit(dense, 3)
    trainer = make_trainer(net, run=("tiny", kind, 0))
    keep = Alternation(net, trainer, scorer_of(trainer), SCHEDULE, reading("forced", gain=0.0)).run()
    # The loop is cut at the window's begin, which at a fixed schedule changes nothing.
    assert all(mask.all() for mask in keep.values())
    assert all(torch.equal(tensor, net.state_dict()[name]) for name, tensor in dense.state_dict().items())


def test_the_folded_network_is_the_gated_one_and_keeps_what_is_on(
    kind: str, make_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    net = settled(KINDS[kind]())
    trainer = make_trainer(net)
    seen = {}

    def fold(net: nn.Module, groups: object, held: dict[str, Tensor], place: Place) -> None:
        seen.update(net=copy.deepcopy(net).eval(), factors={n: f.detach().clone() for n, f in held.items()})
        gates.write(net, gates.scaled(net, groups, held, place))

    monkeypatch.setattr(alternation.gates, "fold", fold)
    keep = Alternation(net, trainer, scorer_of(trainer), SCHEDULE, FORCED).run()
    assert any(not mask.all() for mask in keep.values()), "this gain turns channels off"
    assert all(torch.equal(keep[name], factor > 0) for name, factor in seen["factors"].items())
    with torch.no_grad():
        expected = gates.gated(seen["net"], trainer.groups, seen["factors"], IMAGES, "behind_activation")
        assert torch.allclose(net.eval()(IMAGES), expected, rtol=1e-5, atol=1e-5)


class Watched(Alternation):
    """Remembers, at every turn, how far it is and the gradients that it has collected."""

    def turn(self, optimizer: torch.optim.Optimizer) -> None:
        self.seen = [
            *getattr(self, "seen", []),
            (self.progress, torch.cat(list(self.collected.values())) / self.steps),
        ]
        super().turn(optimizer)


def test_the_factors_at_the_end_are_spread_by_the_whole_gain(make_trainer: Callable[..., Trainer]) -> None:
    net = settled(KINDS["plain"]())
    trainer = make_trainer(net)
    watched = Watched(net, trainer, scorer_of(trainer), replace(SCHEDULE, turns=3), FORCED)
    watched.run()
    assert [progress for progress, _ in watched.seen] == pytest.approx([1 / 3, 2 / 3, 1])
    unclamped = reading("forced", output=lambda raw: raw).factors(watched.scorer(net), watched.progress)
    assert unclamped[trainer.groups[1].name].std(correction=0).item() == pytest.approx(1.5, rel=1e-3)


def test_gradients_are_averaged_over_the_turn(make_trainer: Callable[..., Trainer]) -> None:
    """At a gain of 0 the factors stay at 1, so that a turn of 3 steps sees what 3 turns of 1 see."""
    seen = {}
    for turns in (6, 2):
        net = settled(KINDS["plain"]())
        trainer = make_trainer(net, run=("tiny", "a", 0))
        watched = Watched(net, trainer, scorer_of(trainer), replace(SCHEDULE, turns=turns), reading("forced", gain=0.0))
        watched.run()
        seen[turns] = torch.stack([mean for _, mean in watched.seen])
    assert torch.allclose(seen[2], seen[6].view(2, 3, -1).mean(1), atol=1e-6)
    assert seen[2].abs().max() > 1e-3


@given(
    raw=st.lists(st.floats(-3, 5), min_size=1, max_size=20),
    off=st.lists(st.booleans(), min_size=20, max_size=20),
)
def test_a_budget_takes_channels_and_not_the_scale_of_the_others(raw: list[float], off: list[bool]) -> None:
    """Those that are on are above 0, whatever their own factor, and the mean of them is 1."""
    on = ~torch.tensor(off[: len(raw)])
    on[0] = True
    scores = torch.tensor(raw, requires_grad=True)
    own = clamp(scores)
    found = rationed(own, on)
    assert not found[~on].any()
    assert (found[on] > 0).all()
    assert found[on].mean().item() == pytest.approx(1, rel=1e-4)
    floored = own.detach().clamp_min(FLOOR)
    assert torch.allclose(found[on], floored[on] / floored[on].mean(), rtol=1e-4)
    (gradient,) = torch.autograd.grad(found.sum(), scores, retain_graph=True)
    (ungated,) = torch.autograd.grad(own.sum(), scores)
    assert torch.allclose(gradient, ungated / floored[on].mean(), rtol=1e-4), "that of a channel that is off, too"


def test_in_the_end_what_a_budget_turns_off_stays_off(kind: str, make_trainer: Callable[..., Trainer]) -> None:
    """Whatever becomes of its score: here the scores are drawn anew in every turn."""
    net = settled(KINDS[kind]())
    trainer = make_trainer(net, target=0.5, epochs=8)
    back: list[tuple[float, int]] = []

    class Redrawn(nn.Module):
        macs = 0.0

        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(()))

        def forward(self, net: nn.Module) -> dict[str, Tensor]:
            return {g.name: self.scale * torch.randn(g.size, 1) for g in trainer.groups}

    class Watching(Alternation):
        def look(self, new: dict[str, Tensor]) -> None:
            back.append((self.progress, sum(int((new[n] > 0)[self.held[n] <= 0].sum()) for n in new)))
            super().look(new)

    made = Watching(net, trainer, Redrawn(), replace(SCHEDULE, turns=12), FORCED)
    try:
        made.run()
    except Unsupported:
        pytest.skip("channels are too coarse for this size")
    assert sum(count for progress, count in back if progress <= SETTLED) > 0
    assert [count for progress, count in back if progress > SETTLED] == [0, 0, 0]


@pytest.mark.parametrize("target", [0.7, 0.5, 0.3])
def test_target_macs_are_met_when_the_window_ends(
    kind: str, make_trainer: Callable[..., Trainer], target: float
) -> None:
    """The MACs fall over the window, every layer loses the same share, and what stays is what is on."""
    net = settled(KINDS[kind]())
    trainer = make_trainer(net, target=target, epochs=8)
    dense = trainer.macs(trainer.everything())
    shares = []

    class Watching(Alternation):
        def look(self, new: dict[str, Tensor]) -> None:
            on = {name: factor.cpu() > 0 for name, factor in new.items()}
            shares.append((self.progress, trainer.macs(on) / dense))
            kept = [(int(mask.sum()), len(mask)) for mask in on.values()]
            least = max((n - 1) / size for n, size in kept if n > 1)
            assert all(least <= (n + 1) / size for n, size in kept), "as alike as whole channels can be"

    made = Watching(net, trainer, scorer_of(trainer), replace(SCHEDULE, turns=6), FORCED)
    try:
        keep = made.run()
    except Unsupported:
        pytest.skip("channels are too coarse for this size")
    assert abs(trainer.macs(keep) / dense - target) <= 0.02 * target
    above = [share - (1 - progress * (1 - target)) for progress, share in shares]
    assert len(above) == 6
    assert all(0 <= more < 0.25 for more in above), "a channel of every layer is up to a quarter of these MACs"
    for name, mask in keep.items():
        held = made.held[name].detach().cpu()
        assert torch.equal(held > 0, mask)
        assert held[mask].mean().item() == pytest.approx(1, rel=1e-4)


def test_what_it_writes_into_the_history(make_trainer: Callable[..., Trainer]) -> None:
    net = settled(KINDS["residual"]())
    trainer = make_trainer(net)
    keep: Keep = Alternation(net, trainer, scorer_of(trainer), SCHEDULE, FORCED).run()
    seen = trainer.history[-1]
    for group in trainer.groups:
        assert seen[f"alive/{group.name}"] == int(keep[group.name].sum())
        assert 0 < seen[f"factor/{group.name}"] < 2
        assert seen[f"reactivated/{group.name}"] >= 0


def test_channels_that_come_back_are_counted(make_trainer: Callable[..., Trainer]) -> None:
    net = settled(KINDS["plain"]())
    trainer = make_trainer(net)
    made = Alternation(net, trainer, scorer_of(trainer), SCHEDULE, FORCED)
    name = trainer.groups[0].name
    made.held = {n: torch.ones_like(f) for n, f in made.held.items()}
    made.held[name] = torch.tensor([0.0, 0.0, 0.0, 1.0] * 2)
    made.look({n: torch.tensor([0.5, 0.0, 1.0, 0.0] * 2) if n == name else f for n, f in made.held.items()})
    assert trainer.loops.history.notes[f"reactivated/{name}"] == 4 and trainer.loops.history.notes[f"alive/{name}"] == 4
    assert trainer.loops.history.notes[f"factor/{name}"] == pytest.approx(0.375)


class KilledError(Exception):
    """The process ended here."""


@pytest.mark.parametrize("last", [4, 6])
def test_taken_up_within_the_window_the_scorer_goes_on_from_where_it_was(
    make_trainer: Callable[..., Trainer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: int
) -> None:
    """Of 8 epochs, the window is the 4 that are saved as number 3 to 6."""

    def learned(folder: Path, saves: list[Path], last: int) -> tuple[nn.Module, nn.Module, dict[str, Tensor]]:
        net = settled(KINDS["plain"]())
        trainer = make_trainer(net, epochs=8, folder=folder, run=("tiny", "a", 0), target=0.5)

        def write(path: Path, state: object) -> None:
            saves.append(path)
            if len(saves) == last:
                raise KilledError
            Journal.write(path, state)

        monkeypatch.setattr(trainer.journal, "write", write)
        made = Alternation(net, trainer, scorer_of(trainer), replace(SCHEDULE, turns=5, lr=0.5), FORCED)
        made.run()
        return net, made.scorer, {**made.held, **made.reactivated, **{f"on/{n}": on for n, on in made.on.items()}}

    whole = learned(tmp_path / "whole", saves := [], last=0)
    assert len(saves) == 6
    with pytest.raises(KilledError):
        learned(tmp_path / "killed", [], last)
    again = learned(tmp_path / "killed", [], last=0)
    for ours, theirs in zip(whole[:2], again[:2], strict=True):
        assert all(torch.equal(p, q) for p, q in zip(ours.parameters(), theirs.parameters(), strict=True))
    assert all(torch.equal(tensor, again[2][name]) for name, tensor in whole[2].items())


def test_a_channel_whose_factor_raises_the_loss_loses_score_by_a_step_of_given_length(
    make_trainer: Callable[..., Trainer],
) -> None:
    net = settled(KINDS["plain"]())
    trainer = make_trainer(net)
    made = Alternation(net, trainer, scorer_of(trainer), SCHEDULE, FORCED)
    made.first, made.last, made.steps = trainer.epochs + 1, trainer.epochs - 1, torch.tensor(1)
    name = trainer.groups[0].name
    before = made.scorer(net)[name][:, 0].detach().clone()
    for scale in (1.0, 1000.0):
        made.collected[name][:2] = torch.tensor([scale, -scale])
        optimizer = torch.optim.SGD(made.scorer.parameters(), lr=0.1)
        made.steps.fill_(1)
        made.turn(optimizer)
        moved = made.scorer(net)[name][:, 0].detach() - before
        assert moved[0] < 0 < moved[1]
        assert moved.norm().item() == pytest.approx(0.1, rel=1e-4), "whatever the gradient's length"
        assert not made.collected[name].any(), "the next turn collects anew"
        before = made.scorer(net)[name][:, 0].detach().clone()


def test_a_window_that_is_none_is_refused() -> None:
    for begin, end in ((0.5, 0.5), (0.7, 0.3), (-0.1, 0.5), (0.5, 1.1)):
        with pytest.raises(ValueError, match=f"window from {begin} to {end}"):
            Schedule(begin, end, turns=1, lr=0.1)


READINGS = get_args(Name)


def learned(make_trainer: Callable[..., Trainer], name: Name, signal: str, **more: float) -> tuple[Alternation, Keep]:
    net = settled(KINDS["residual"]())
    trainer = make_trainer(net, epochs=8, run=("tiny", "residual", 0), **more)
    read = reading(name)
    scorer = Free(trainer.groups, trainer.rng, read)
    made = Alternation(net, trainer, scorer, replace(SCHEDULE, turns=10, lr=0.5), read, signal=signal)
    return made, made.run()


@pytest.mark.parametrize("name", READINGS)
def test_without_a_signal_the_scorer_does_not_learn_and_with_one_it_does(
    make_trainer: Callable[..., Trainer], name: Name
) -> None:
    scores = {
        signal: torch.cat([p.flatten() for p in learned(make_trainer, name, signal)[0].scorer.parameters()])
        for signal in ("none", "loss", "random")
    }
    net = settled(KINDS["residual"]())
    trainer = make_trainer(net, run=("tiny", "residual", 0))
    read = reading(name)
    drawn = torch.cat([p.flatten() for p in Free(trainer.groups, trainer.rng, read).parameters()])
    assert torch.equal(scores["none"], drawn)
    assert not torch.equal(scores["loss"], drawn) and not torch.equal(scores["random"], scores["loss"])


def test_random_signs_leave_the_size_of_a_gradient(make_trainer: Callable[..., Trainer]) -> None:
    trainer = make_trainer(KINDS["plain"]())
    gradient = torch.randn(200, generator=torch.Generator().manual_seed(0))
    found = SIGNALS["random"](trainer, gradient)
    assert torch.equal(found.abs(), gradient.abs())
    assert 50 < (found != gradient).sum() < 150
    assert not torch.equal(found, SIGNALS["random"](trainer, gradient)), "drawn anew every time"


@pytest.mark.parametrize("name", READINGS)
@pytest.mark.parametrize("target", [0.7, 0.4])
def test_every_reading_meets_target_macs(make_trainer: Callable[..., Trainer], name: Name, target: float) -> None:
    made, keep = learned(make_trainer, name, "loss", target=target)
    share = made.problem.macs(keep) / made.problem.macs(made.problem.everything())
    assert share == pytest.approx(target, rel=0.02)
    assert all(torch.equal(made.held[n].detach() > 0, mask) for n, mask in keep.items())


def test_plain_begins_with_random_factors_that_apply_from_the_first_step(make_trainer: Callable[..., Trainer]) -> None:
    seen: list[Tensor] = []

    class First(Alternation):
        def params(self) -> Mapping[str, Tensor]:
            seen.append(torch.cat([held.detach().clone() for held in self.held.values()]))
            return super().params()

    net = settled(KINDS["residual"]())
    trainer = make_trainer(net)
    First(
        net,
        trainer,
        Free(trainer.groups, trainer.rng, reading("plain")),
        replace(SCHEDULE, begin=0.0),
        reading("plain"),
    ).run()
    assert (seen[0] == 0).any() and (seen[0] > 1).any()
