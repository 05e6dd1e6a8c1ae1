"""Knobs at the end of their range: planning refuses what a method cannot run with."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks import registry
from benchmarks.training.trainer import Trainer
from methods.core.api import Diverged, Unsupported
from tests.kinds import KINDS, settled
from tests.methods.test_conformance import taught

REFUSED = [
    ("gate_decorator", "ticks", 0),
    ("gate_decorator", "share", 1.5),
    ("iterative", "rounds", 0),
    ("resrep", "momentum", 0.0),
    ("resrep", "lr", 0.0),
    ("growing_reg", "settling", 1.0),
    ("morphnet", "share", -0.1),
    ("slimming", "share", 2.0),
    ("l0", "closed", 0.0),
    ("l0", "closed", 1.0),
    ("group_lasso", "penalty", -1.0),
    ("dhp", "every", 0.0),
    ("soft_filter", "every", 0.0),
    ("obd", "batches", 0),
    ("taylor", "batches", 0),
    ("group_norm", "alpha", -1.0),
    ("fpgm", "norm", 1.5),
    ("metapruning", "generations", 0),
    ("switcher", "begin", 0.5),  # begin and end must differ
    ("switcher", "end", 0.49),
    ("free_factor", "begin", 0.5),
    ("free_factor", "end", 0.49),
    ("switcher_transfer", "begin", 0.5),
    ("switcher_transfer", "end", 0.49),
]


@pytest.mark.parametrize(("method", "knob", "value"), REFUSED)
def test_planning_refuses_a_value_outside_the_range(method: str, knob: str, value: float) -> None:
    card = registry.card(method)
    assert not registry.fits(card, knob, value)
    assert registry.fits(card, knob, card.knobs[knob])


@pytest.mark.parametrize("method", registry.keys("method"))
def test_every_number_has_a_range_that_holds_its_default(method: str) -> None:
    card = registry.card(method)
    numbers = {name: value for name, value in card.knobs.items() if type(value) in (int, float)}
    assert all(registry.fits(card, name, value) for name, value in numbers.items())
    assert [name for name in numbers if registry.fits(card, name, type(numbers[name])(-1e9))] == []


COUNT = 4  # a larger count of rounds, candidates or cells costs time


@pytest.mark.parametrize("method", registry.keys("method"))
def test_a_run_at_an_end_of_a_range_has_a_result_or_a_reason(make_trainer: Callable[..., Trainer], method: str) -> None:
    module = registry.load("method", method)
    transferred = taught(method, "plain", make_trainer) if hasattr(module, "SOURCE") else {}
    for knob, ends in getattr(module, "RANGES", {}).items():
        whole = isinstance(registry.card(method).knobs[knob], int)
        for end in ends:
            value = min(end, COUNT) if whole else float(end)
            net = settled(KINDS["plain"]())
            target = 0.5 if "macs" in module.TARGETS else None
            trainer = make_trainer(net, 1, target=target, transferred=transferred)
            try:
                found = module.learn(net, trainer, module.Knobs(**{knob: value}))
            except (Unsupported, Diverged) as reason:
                assert str(reason), (knob, value)
            else:
                assert found, (knob, value)
