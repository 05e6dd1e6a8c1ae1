"""Weights and factors in turn: the ramp, the clamp, the period and the fold."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from benchmarks.checkpoint import Journal
from benchmarks.problem import Trainer
from methods.core import alternation, gates
from methods.core.alternation import Clamp, Schedule, factors, learn_in_turn, standardise
from tests.kinds import KINDS, settled

IMAGES = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(3))
SCHEDULE = Schedule(gain=1.5, begin=0.25, end=0.75, period=3, lr=0.1, clip=0.3)


def free_scores(trainer: Trainer) -> tuple[nn.Module, Callable[[], dict[str, Tensor]]]:
    """A scorer without a network: a parameter a channel."""
    free = nn.ParameterList(torch.randn(g.size, generator=trainer.rng) for g in trainer.groups)
    return free, lambda: {g.name: p for g, p in zip(trainer.groups, free, strict=True)}


@given(values=st.lists(st.floats(-50, 50), min_size=1, max_size=20))
def test_factors_are_exactly_one_while_the_gain_is_zero(values: list[float]) -> None:
    assert torch.equal(factors({"a": torch.tensor(values)}, 0)["a"], torch.ones(len(values)))


@given(values=st.lists(st.floats(-50, 50), min_size=1, max_size=20), gain=st.floats(0, 10))
def test_factors_stay_in_their_range_and_in_the_order_of_the_scores(values: list[float], gain: float) -> None:
    scores = torch.tensor(values)
    found = factors({"a": scores}, gain)["a"]
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


@pytest.mark.parametrize(("period", "steps_of_the_scorer"), [(1, 6), (2, 3), (3, 2), (4, 1), (7, 0)])
def test_the_scorer_steps_once_a_period(
    make_trainer: Callable[..., Trainer], period: int, steps_of_the_scorer: int
) -> None:
    """The window is 6 of the 12 steps. Each of its own steps is charged as two forward passes and a backward one."""
    net = settled(KINDS["plain"]())
    trainer = make_trainer(net)
    scorer, scores = free_scores(trainer)
    learn_in_turn(net, trainer, scorer, scores, Schedule(1.5, 0.25, 0.75, period, 0.1, 0.3), macs=1e9)
    weights = 3 * trainer.image_macs * 32 * 9
    assert trainer.spent["learn"].steps == 9
    assert trainer.spent["learn"].macs == weights + 4e9 * steps_of_the_scorer


def test_a_gain_of_zero_is_the_dense_run_to_the_bit(kind: str, make_trainer: Callable[..., Trainer]) -> None:
    dense, net = settled(KINDS[kind]()), settled(KINDS[kind]())
    make_trainer(dense, run=("tiny", kind, 0)).fit(dense, 3)
    trainer = make_trainer(net, run=("tiny", kind, 0))
    scorer, scores = free_scores(trainer)
    keep = learn_in_turn(net, trainer, scorer, scores, Schedule(0.0, 0.25, 0.75, 3, 0.1, 0.3), macs=0)
    # The loop is cut at the window's begin, which at a fixed schedule changes nothing.
    assert all(mask.all() for mask in keep.values())
    assert all(torch.equal(tensor, net.state_dict()[name]) for name, tensor in dense.state_dict().items())


def test_the_folded_network_is_the_gated_one_and_keeps_what_is_on(
    kind: str, make_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    net = settled(KINDS[kind]())
    trainer = make_trainer(net)
    scorer, scores = free_scores(trainer)
    seen = {}

    def fold(net: nn.Module, groups: object, held: dict[str, Tensor]) -> None:
        seen.update(net=copy.deepcopy(net).eval(), factors={n: f.detach().clone() for n, f in held.items()})
        gates.write(net, gates.scaled(net, groups, held))

    monkeypatch.setattr(alternation.gates, "fold", fold)
    keep = learn_in_turn(net, trainer, scorer, scores, SCHEDULE, macs=0)
    assert any(not mask.all() for mask in keep.values()), "this gain turns channels off"
    assert all(torch.equal(keep[name], factor > 0) for name, factor in seen["factors"].items())
    with torch.no_grad():
        expected = gates.gated(seen["net"], trainer.groups, seen["factors"], IMAGES)
        assert torch.allclose(net.eval()(IMAGES), expected, rtol=1e-5, atol=1e-5)


def test_the_factors_at_the_end_are_spread_by_the_whole_gain(
    make_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    gains = []
    spread = alternation.factors
    monkeypatch.setattr(alternation, "factors", lambda scores, gain: (gains.append(gain), spread(scores, gain))[1])
    net = settled(KINDS["plain"]())
    trainer = make_trainer(net)
    learn_in_turn(net, trainer, *free_scores(trainer), Schedule(1.5, 0.25, 0.75, 2, 0.1, 0.3), macs=0)
    assert gains[::2] == pytest.approx([0.5, 1.0, 1.5])


def test_gradients_are_summed_over_the_period(
    make_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a gain of 0 the factors stay at 1, so that a period of 3 sees what 3 periods of 1 see."""
    seen: list[Tensor] = []

    def step(scorer: nn.Module, optimizer: object, now: object, collected: dict[str, Tensor], *_: object) -> None:
        seen.append(torch.cat([gradient.clone() for gradient in collected.values()]))
        for gradient in collected.values():
            gradient.zero_()

    monkeypatch.setattr(alternation, "_step", step)
    for period in (1, 3):
        net = settled(KINDS["plain"]())
        trainer = make_trainer(net, run=("tiny", "a", 0))
        learn_in_turn(net, trainer, *free_scores(trainer), Schedule(0.0, 0.25, 0.75, period, 0.1, 0.3), macs=0)
    ones, threes = torch.stack(seen[:6]), torch.stack(seen[6:])
    assert torch.allclose(threes, ones.view(2, 3, -1).sum(1), atol=1e-6)
    assert threes.abs().max() > 1e-3


class KilledError(Exception):
    """The process ended here."""


@pytest.mark.parametrize("last", [4, 6])
def test_taken_up_within_the_window_the_scorer_goes_on_from_where_it_was(
    make_trainer: Callable[..., Trainer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: int
) -> None:
    """Of 8 epochs, the window is the 4 that are saved as number 3 to 6."""

    def learned(folder: Path, saves: list[Path], last: int) -> tuple[nn.Module, nn.Module]:
        net = settled(KINDS["plain"]())
        trainer = make_trainer(net, epochs=8, folder=folder, run=("tiny", "a", 0))

        def write(path: Path, state: object) -> None:
            saves.append(path)
            if len(saves) == last:
                raise KilledError
            Journal.write(path, state)

        monkeypatch.setattr(trainer.journal, "write", write)
        scorer, scores = free_scores(trainer)
        learn_in_turn(net, trainer, scorer, scores, Schedule(1.5, 0.25, 0.75, 1, 0.5, 0.3), macs=0)
        return net, scorer

    whole = learned(tmp_path / "whole", saves := [], last=0)
    assert len(saves) == 6
    with pytest.raises(KilledError):
        learned(tmp_path / "killed", [], last)
    again = learned(tmp_path / "killed", [], last=0)
    for ours, theirs in zip(whole, again, strict=True):
        assert all(torch.equal(p, q) for p, q in zip(ours.parameters(), theirs.parameters(), strict=True))


def test_a_channel_whose_factor_raises_the_loss_loses_score() -> None:
    scores = nn.Parameter(torch.zeros(4) + torch.tensor([0.1, -0.1, 0.1, -0.1]))
    scorer = nn.ParameterList([scores])
    before = scores.detach().clone()
    collected = {"a": torch.tensor([3.0, 0.0, 0.0, -3.0])}
    optimizer = torch.optim.SGD(scorer.parameters(), lr=0.1)
    alternation._step(scorer, optimizer, factors({"a": scores}, 0.5), collected, SCHEDULE)
    moved = scores.detach() - before
    assert moved[0] < 0 < moved[3]
    assert not collected["a"].any(), "the next period collects anew"


def test_the_scorer_takes_the_mean_over_the_period_and_is_clipped() -> None:
    def gradient(total: float, period: int, clip: float) -> Tensor:
        scores = nn.Parameter(torch.tensor([0.3, -0.2, 0.1]))
        scorer = nn.ParameterList([scores])
        schedule = Schedule(1.5, 0.25, 0.75, period, 0.1, clip)
        optimizer = torch.optim.SGD(scorer.parameters(), lr=0.0)
        collected = {"a": total * torch.tensor([1.0, 0.0, -1.0])}
        alternation._step(scorer, optimizer, factors({"a": scores}, 0.5), collected, schedule)
        return scores.grad

    assert torch.allclose(gradient(3.0, 3, 1e9), gradient(1.0, 1, 1e9))
    assert gradient(3.0, 3, 0.01).norm().item() == pytest.approx(0.01, rel=1e-3)
