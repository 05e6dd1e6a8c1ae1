"""Weights and factors in turn: the ramp, the clamp, the period and the fold."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from benchmarks.training.checkpoint import Journal
from benchmarks.training.trainer import Trainer
from methods.core import alternation, gates
from methods.core.alternation import FLOOR, Alternation, Clamp, Schedule, clamp, rationed, standardise
from methods.core.api import Keep, Unsupported
from methods.core.gates import Place
from methods.free_factor import Free
from tests.kinds import KINDS, settled

IMAGES = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(3))
SCHEDULE = Schedule(gain=1.5, begin=0.25, end=0.75, turns=2, lr=0.1)  # of 4 epochs of 3 steps, the window is 6 steps


def scorer_of(trainer: Trainer, macs: float = 0.0) -> Free:
    """A scorer without a network: a parameter a channel."""
    scorer = Free(trainer.groups, trainer.rng)
    scorer.macs = macs
    return scorer


def factors(scores: Tensor, gain: float) -> Tensor:
    """What one group's scores become at this gain."""
    return clamp(1 + gain * standardise(scores))


@given(values=st.lists(st.floats(-50, 50), min_size=1, max_size=20))
def test_factors_are_exactly_one_while_the_gain_is_zero(values: list[float]) -> None:
    assert torch.equal(factors(torch.tensor(values), 0), torch.ones(len(values)))


@given(values=st.lists(st.floats(-50, 50), min_size=1, max_size=20), gain=st.floats(0, 10))
def test_factors_stay_in_their_range_and_in_the_order_of_the_scores(values: list[float], gain: float) -> None:
    scores = torch.tensor(values)
    found = factors(scores, gain)
    assert found.min() >= 0 and found.max() <= 2
    assert found[scores.argsort()].diff().min() >= 0 if len(values) > 1 else found.item() == 1


@pytest.mark.parametrize(
    ("raw", "grad", "passes"),
    [
        (-0.5, 1.0, False),  # a step against the gradient would leave the range further
        (-0.5, -1.0, True),  # a channel that is off comes back
        (0.0, 1.0, False),
        (0.0, -1.0, True),
        (1.0, 1.0, True),
        (1.0, -1.0, True),
        (2.0, -1.0, False),
        (2.0, 1.0, True),
        (2.5, -1.0, False),
        (2.5, 1.0, True),
    ],
)
def test_the_clamp_blocks_a_gradient_only_where_its_step_leaves_further(raw: float, grad: float, passes: bool) -> None:
    x = torch.tensor([raw], requires_grad=True)
    Clamp.apply(x).backward(torch.tensor([grad]))
    assert x.grad.item() == (grad if passes else 0.0)


def test_standardised_scores_have_mean_zero_and_variance_one_along_the_channels() -> None:
    x = 5 + 3 * torch.randn(100, 4, generator=torch.Generator().manual_seed(0))
    z = standardise(x)
    assert torch.allclose(z.mean(0), torch.zeros(4), atol=1e-5)
    assert torch.allclose(z.std(0, correction=0), torch.ones(4), atol=1e-4)
    assert torch.equal(standardise(torch.full((3,), 7.0)), torch.zeros(3)), "no spread, no NaN"


@pytest.mark.parametrize("turns", [1, 2, 3, 6])
@pytest.mark.parametrize("epochs", [4, 8])
def test_the_scorer_steps_once_a_turn_however_long_the_run(
    make_trainer: Callable[..., Trainer], turns: int, epochs: int
) -> None:
    """Each of its steps is charged as two forward passes and a backward one."""
    net = settled(KINDS["plain"]())
    trainer = make_trainer(net, epochs=epochs)
    Alternation(net, trainer, scorer_of(trainer, 1e9), replace(SCHEDULE, turns=turns)).run()
    steps = epochs * 3 * 3 // 4
    assert trainer.spent["learn"].steps == steps
    assert trainer.spent["learn"].macs == 3 * trainer.image_macs * 32 * steps + 4e9 * turns


def test_a_gain_of_zero_is_the_dense_run_to_the_bit(kind: str, make_trainer: Callable[..., Trainer]) -> None:
    dense, net = settled(KINDS[kind]()), settled(KINDS[kind]())
    make_trainer(dense, run=("tiny", kind, 0)).fit(dense, 3)
    trainer = make_trainer(net, run=("tiny", kind, 0))
    keep = Alternation(net, trainer, scorer_of(trainer), replace(SCHEDULE, gain=0.0)).run()
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
    keep = Alternation(net, trainer, scorer_of(trainer), SCHEDULE).run()
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
    watched = Watched(net, trainer, scorer_of(trainer), replace(SCHEDULE, turns=3))
    watched.run()
    assert [progress for progress, _ in watched.seen] == pytest.approx([1 / 3, 2 / 3, 1])
    (last,) = [value for name, value in watched.raw(detached=True).items() if name == trainer.groups[1].name]
    assert last.std(correction=0).item() == pytest.approx(1.5, rel=1e-3)


def test_gradients_are_averaged_over_the_turn(make_trainer: Callable[..., Trainer]) -> None:
    """At a gain of 0 the factors stay at 1, so that a turn of 3 steps sees what 3 turns of 1 see."""
    seen = {}
    for turns in (6, 2):
        net = settled(KINDS["plain"]())
        trainer = make_trainer(net, run=("tiny", "a", 0))
        watched = Watched(net, trainer, scorer_of(trainer), replace(SCHEDULE, gain=0.0, turns=turns))
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
    told = rationed(own, on)
    assert not told[~on].any()
    assert (told[on] > 0).all()
    assert told[on].mean().item() == pytest.approx(1, rel=1e-4)
    floored = own.detach().clamp_min(FLOOR)
    assert torch.allclose(told[on], floored[on] / floored[on].mean(), rtol=1e-4)
    (gradient,) = torch.autograd.grad(told.sum(), scores, retain_graph=True)
    (ungated,) = torch.autograd.grad(own.sum(), scores)
    assert torch.allclose(gradient, ungated / floored[on].mean(), rtol=1e-4), "that of a channel that is off, too"


@pytest.mark.parametrize("target", [0.7, 0.5, 0.3])
def test_a_told_size_is_met_when_the_ramp_ends(kind: str, make_trainer: Callable[..., Trainer], target: float) -> None:
    """The MACs fall with the ramp, every layer loses the same share, and what stays is what is on."""
    net = settled(KINDS[kind]())
    trainer = make_trainer(net, target=target, epochs=8)
    dense = trainer.macs(trainer.everything())
    shares = []

    class Told(Alternation):
        def look(self, new: dict[str, Tensor]) -> None:
            on = {name: factor.cpu() > 0 for name, factor in new.items()}
            shares.append((self.progress, trainer.macs(on) / dense))
            kept = [(int(mask.sum()), len(mask)) for mask in on.values()]
            least = max((n - 1) / size for n, size in kept if n > 1)
            assert all(least <= (n + 1) / size for n, size in kept), "as alike as whole channels can be"

    made = Told(net, trainer, scorer_of(trainer), replace(SCHEDULE, turns=6))
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
    keep: Keep = Alternation(net, trainer, scorer_of(trainer), SCHEDULE).run()
    told = trainer.history[-1]
    for group in trainer.groups:
        assert told[f"alive/{group.name}"] == int(keep[group.name].sum())
        assert 0 < told[f"factor/{group.name}"] < 2
        assert told[f"reactivated/{group.name}"] >= 0


def test_channels_that_come_back_are_counted(make_trainer: Callable[..., Trainer]) -> None:
    net = settled(KINDS["plain"]())
    trainer = make_trainer(net)
    made = Alternation(net, trainer, scorer_of(trainer), SCHEDULE)
    name = trainer.groups[0].name
    made.held = {n: torch.ones_like(f) for n, f in made.held.items()}
    made.held[name] = torch.tensor([0.0, 0.0, 0.0, 1.0] * 2)
    made.look({n: torch.tensor([0.5, 0.0, 1.0, 0.0] * 2) if n == name else f for n, f in made.held.items()})
    assert trainer.notes[f"reactivated/{name}"] == 4 and trainer.notes[f"alive/{name}"] == 4
    assert trainer.notes[f"factor/{name}"] == pytest.approx(0.375)


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
        made = Alternation(net, trainer, scorer_of(trainer), replace(SCHEDULE, turns=5, lr=0.5))
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


def test_a_channel_whose_factor_raises_the_loss_loses_score_by_a_step_of_told_length(
    make_trainer: Callable[..., Trainer],
) -> None:
    net = settled(KINDS["plain"]())
    trainer = make_trainer(net)
    made = Alternation(net, trainer, scorer_of(trainer), SCHEDULE)
    made.first, made.last, made.steps = trainer.epochs + 1, trainer.epochs - 1, torch.tensor(1)
    name = trainer.groups[0].name
    before = made.scorer(net)[name].detach().clone()
    for scale in (1.0, 1000.0):
        made.collected[name][:2] = torch.tensor([scale, -scale])
        optimizer = torch.optim.SGD(made.scorer.parameters(), lr=0.1)
        made.steps.fill_(1)
        made.turn(optimizer)
        moved = made.scorer(net)[name].detach() - before
        assert moved[0] < 0 < moved[1]
        assert moved.norm().item() == pytest.approx(0.1, rel=1e-4), "whatever the gradient's length"
        assert not made.collected[name].any(), "the next turn collects anew"
        before = made.scorer(net)[name].detach().clone()
