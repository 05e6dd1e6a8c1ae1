"""Readings: the factors that scores become, and what gradient goes back to them."""

from __future__ import annotations

import math
from typing import get_args

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from methods.core.switching.readings import UNFORCED, Centred, Clamp, Name, Scores, Step, clamp, reading, standardise

READINGS = get_args(Name)
VALUES = st.lists(st.floats(-50, 50), min_size=1, max_size=20)


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


def scores_of(heads: int, generator: torch.Generator) -> Scores:
    return {name: torch.randn(size, heads, generator=generator) for name, size in (("a", 6), ("b", 9))}


@pytest.mark.parametrize("name", READINGS)
def test_a_scorer_that_puts_out_its_bias_alone_leaves_the_network_dense(name: Name) -> None:
    read = reading(name)
    factors = read.factors({"a": torch.full((7, read.heads), read.bias or 0.0)}, 0.0)
    assert torch.equal(factors["a"], torch.ones(7))
    if name in ("network_wide", "forced"):  # a ramp begins so whatever the scores
        assert torch.equal(read.factors({"a": torch.randn(7, 1)}, 0.0)["a"], torch.ones(7))


@pytest.mark.parametrize("name", READINGS)
def test_unforced_readings_are_those_that_keep_all_channels_of_a_scorer_that_does_not_learn(name: Name) -> None:
    read = reading(name)
    start = {n: p * (read.head > 0) for n, p in scores_of(read.heads, torch.Generator().manual_seed(0)).items()}
    removes = any((factor == 0).any() for factor in read.factors(start, 1.0).values())
    assert removes == (name not in UNFORCED)


@pytest.mark.parametrize("name", READINGS)
def test_factors_are_finite_and_never_negative_and_a_gradient_reaches_the_scores(name: Name) -> None:
    read = reading(name)
    scores = {n: p.requires_grad_() for n, p in scores_of(read.heads, torch.Generator().manual_seed(1)).items()}
    factors = read.factors(scores, 1.0)
    assert all(f.isfinite().all() and f.min() >= 0 and f.shape == (len(scores[n]),) for n, f in factors.items())
    sum((f * torch.linspace(-1, 2, len(f))).sum() for f in factors.values()).backward()
    assert all(p.grad.isfinite().all() and (p.grad.abs().sum(0) > 0).all() for p in scores.values())


def bisected(p: Tensor) -> Tensor:
    """The centred factors, by bisection for tau."""
    low, high = p.double().min() - 1, p.double().max()
    for _ in range(100):
        tau = (low + high) / 2
        low, high = (tau, high) if F.relu(p.double() - tau).mean() > 1 else (low, tau)
    return F.relu(p.double() - low)


@given(values=VALUES)
def test_centred_factors_have_a_mean_of_one_and_the_distances_of_the_scores(values: list[float]) -> None:
    p = torch.tensor(values)
    found = Centred.apply(p, True)
    assert found.mean().item() == pytest.approx(1, rel=1e-4)
    assert torch.allclose(found.double(), bisected(p), atol=1e-4)


def test_without_reviving_the_gradient_of_centred_is_that_of_the_formula() -> None:
    """In double precision, away from the kinks; the same where all channels are on."""
    p = torch.tensor([0.1, -3.0, 2.0, 0.7, 1.1], dtype=torch.float64, requires_grad=True)
    assert (Centred.apply(p, False) == 0).any()
    assert torch.autograd.gradcheck(lambda x: Centred.apply(x, False), p)
    near = (p.detach() / 10).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: Centred.apply(x, True), near)


def test_a_channel_that_is_off_is_revived_if_it_helps_more_than_those_that_are_on() -> None:
    p = torch.tensor([-9.0, -9.0, 1.0, 1.2], requires_grad=True)
    grad = torch.tensor([-2.0, 0.5, -1.0, 0.0])  # of the loss by the factors; the mean over those that are on is -0.5
    Centred.apply(p, True).backward(grad)
    assert p.grad.tolist() == pytest.approx([-1.5, 0.0, -0.5, 0.5])
    p.grad = None
    Centred.apply(p, False).backward(grad)
    assert p.grad.tolist() == pytest.approx([0.0, 0.0, -0.5, 0.5])


def test_two_heads_turn_off_by_one_and_weight_by_the_other() -> None:
    scores = torch.tensor([[0.0, 0.0], [-2.0, 3.0], [5.0, 3.0]], requires_grad=True)
    factors = reading("two_heads").factors({"a": scores}, 0.3)["a"]
    expected = F.softplus(torch.tensor(3.0)) / F.softplus(torch.tensor(0.0))
    assert factors.tolist() == pytest.approx([1.0, 0.0, expected.item()])
    factors.sum().backward()
    assert (scores.grad[:, 0] > 0).all(), "the gate has a gradient on both sides"
    assert scores.grad[1, 1] == 0 and scores.grad[2, 1] > 0


def test_the_step_has_the_derivative_of_a_sigmoid() -> None:
    x = torch.tensor([-1.0, 0.0, 2.0], requires_grad=True)
    Step.apply(x).sum().backward()
    assert torch.allclose(x.grad, x.sigmoid() * (1 - x.sigmoid()))


def test_over_the_network_layers_compete_and_within_a_layer_they_do_not() -> None:
    scores = {"low": torch.linspace(-4, -3, 20)[:, None], "high": torch.linspace(3, 4, 20)[:, None]}
    off = {
        name: {n: int((f == 0).sum()) for n, f in reading(name).factors(scores, 1.0).items()}
        for name in ("network_wide", "forced")
    }
    assert off["network_wide"] == {"low": 20, "high": 0}
    assert off["forced"]["low"] == off["forced"]["high"] > 0


def test_the_ramps_take_another_output() -> None:
    scores = {"a": torch.tensor([[-1.0], [5.0]])}
    assert reading("forced", gain=3.0, output=torch.relu).factors(scores, 1.0)["a"].max() > 2


@pytest.mark.parametrize("scores", [[math.nan] * 3, [3e9, 1.0, 3e9], [math.inf, 0.0, 1.0]])
def test_scores_beyond_what_float32_can_tell_end_no_run_with_an_error(scores: list[float]) -> None:
    """A switcher that diverges is a row that says so: reading its scores raised an error, which cost all seeds."""
    p = torch.tensor(scores)[:, None].repeat(100, 1)
    assert Centred.apply(p[:, 0], True).shape == (300,)
