"""The switcher, whole: what it adds to its control is that it reads the weights, and that this is charged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
import torch

from benchmarks.training.checkpoint import Journal
from benchmarks.training.trainer import Trainer
from methods import switcher
from methods.core.switching.readings import UNFORCED, Name
from methods.core.switching.switcher_net import Switcher
from tests.kinds import KINDS, settled


def run(make_trainer: Callable[..., Trainer], **knobs: Any) -> tuple[dict[str, list[bool]], torch.nn.Module, Trainer]:
    net = settled(KINDS["residual"]())
    trainer = make_trainer(net, epochs=6, run=("tiny", "residual", 0))
    keep = switcher.learn(net, trainer, switcher.Knobs(**knobs))
    return {name: mask.tolist() for name, mask in keep.items()}, net, trainer


FORCED: dict[str, object] = {"reading": "forced", "reader": "embedding"}


def test_a_forced_spread_turns_channels_off_and_none_does_not(make_trainer: Callable[..., Trainer]) -> None:
    assert not all(all(mask) for mask in run(make_trainer, **FORCED)[0].values())
    assert all(all(mask) for mask in run(make_trainer, **FORCED, gain=0.0)[0].values())


@pytest.mark.parametrize("name", UNFORCED)
def test_an_unforced_reading_removes_nothing_without_a_signal(
    name: str, kind: str, make_trainer: Callable[..., Trainer]
) -> None:
    """And trains as the dense network does, to the bit."""
    dense, net = settled(KINDS[kind]()), settled(KINDS[kind]())
    trainer = make_trainer(net, epochs=6, run=("tiny", kind, 0))
    keep = switcher.learn(net, trainer, switcher.Knobs(reading=name, signal="none"))
    make_trainer(dense, epochs=6, run=("tiny", kind, 0)).fit(dense, trainer.step / 3)
    assert all(mask.all() for mask in keep.values())
    assert all(torch.equal(tensor, net.state_dict()[name]) for name, tensor in dense.state_dict().items())


def test_plain_and_the_ramps_do_remove_some_without_a_signal(make_trainer: Callable[..., Trainer]) -> None:
    for name in ("plain", "network_wide", "forced"):
        keep = run(make_trainer, reading=name, signal="none")[0]
        assert not all(all(mask) for mask in keep.values()), name


def test_long_steps_of_the_default_turn_channels_off(make_trainer: Callable[..., Trainer]) -> None:
    assert not all(all(mask) for mask in run(make_trainer, lr=3.0)[0].values())


@pytest.mark.decides
def test_learning_it_changes_the_factors(make_trainer: Callable[..., Trainer]) -> None:
    _, drawn, _ = run(make_trainer, lr=0.0)
    _, learned, _ = run(make_trainer, lr=0.5)
    assert not all(torch.equal(p, q) for p, q in zip(drawn.parameters(), learned.parameters(), strict=True))


def test_its_own_passes_are_charged(make_trainer: Callable[..., Trainer]) -> None:
    _, net, trainer = run(make_trainer, turns=2)
    reader = Switcher(net, trainer.groups, torch.Generator())
    spent = trainer.spent["learn"]
    assert spent.macs - 3 * trainer.image_macs * 32 * spent.steps == pytest.approx((1 + 2 * 4) * reader.macs)


def test_target_macs_are_met_whatever_the_ablation(make_trainer: Callable[..., Trainer]) -> None:
    readings = [{"reading": name} for name in get_args(Name)]
    ways = [{"batch": "held_out"}, {"batch": "epochs", "turns": 2}]
    for more in (*readings, {"reader": "equivariant"}, {"input": "noise"}, {"signal": "none"}, *ways):
        net = settled(KINDS["residual"]())
        trainer = make_trainer(net, epochs=6, target=0.5)
        keep = switcher.learn(net, trainer, switcher.Knobs(**more))
        assert trainer.macs(keep) / trainer.macs(trainer.everything()) == pytest.approx(0.5, abs=0.01)


def test_with_target_macs_the_step_length_is_another_knob(make_trainer: Callable[..., Trainer]) -> None:
    def weights(target: float | None, **knobs: float) -> torch.Tensor:
        net = settled(KINDS["residual"]())
        switcher.learn(net, make_trainer(net, epochs=6, target=target), switcher.Knobs(**knobs))
        return torch.cat([parameter.detach().flatten() for parameter in net.parameters()])

    assert torch.equal(weights(None), weights(None, budget_lr=0.5))
    assert torch.equal(weights(0.5), weights(0.5, lr=0.1))
    assert weights(0.5).tolist() != weights(0.5, budget_lr=0.5).tolist()


VARIANTS: list[dict[str, object]] = [
    *({"reading": name} for name in get_args(Name) if name != "centred"),
    {"lr": 3.0, "revive": False},
    {"lr": 3.0, "signal": "random"},
    {"reader": "embedding"},
    {"reader": "equivariant"},
    {"input": "outgoing"},
    {"input": "both"},
    {"input": "shuffled"},
    {"input": "noise"},
    {**FORCED, "output": "relu"},
    {**FORCED, "output": "hard_concrete"},
    {"site": "behind_norm"},
    {"site": "before_norm"},
    {"batch": "held_out"},
    {"batch": "epochs", "turns": 2},
    {"through": True},
    {"through": True, "reader": "equivariant"},
    {"hidden": 8},
    {"turns": 3},
]


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: ",".join(f"{k}={w}" for k, w in v.items()))
class TestEveryVariant:
    def test_is_finite_and_keeps_channels(
        self, variant: dict[str, object], make_trainer: Callable[..., Trainer]
    ) -> None:
        keep, net, _ = run(make_trainer, **variant)
        assert all(parameter.isfinite().all() for parameter in net.parameters())
        assert 0 < sum(map(sum, keep.values())) <= sum(map(len, keep.values()))

    def test_differs_from_the_method(self, variant: dict[str, object], make_trainer: Callable[..., Trainer]) -> None:
        _, default, _ = run(make_trainer)
        _, net, _ = run(make_trainer, **variant)
        assert not all(torch.equal(p, q) for p, q in zip(default.parameters(), net.parameters(), strict=True))

    def test_killed_within_its_window_it_comes_out_the_same(
        self, variant: dict[str, object], make_trainer: Callable[..., Trainer], tmp_path: Path
    ) -> None:
        class Mortal(Journal):
            def write(self, path: Path, state: object) -> None:  # type: ignore[override]
                Journal.write(path, state)
                if (saves := getattr(self, "saves", 0) + 1) == 3:
                    raise KeyboardInterrupt
                self.saves = saves

        def learned(journal: Journal) -> torch.nn.Module:
            net = settled(KINDS["residual"]())
            trainer = make_trainer(net, epochs=6, run=("tiny", "residual", 0), journal=journal)
            switcher.learn(net, trainer, switcher.Knobs(**variant))
            return net

        with pytest.raises(KeyboardInterrupt):
            learned(Mortal(tmp_path / "killed"))
        pair = learned(Journal(tmp_path / "whole")), learned(Journal(tmp_path / "killed"))
        assert all(torch.equal(p, q) for p, q in zip(*(net.parameters() for net in pair), strict=True))


def test_training_stops_at_the_windows_end(make_trainer: Callable[..., Trainer]) -> None:
    _, _, trainer = run(make_trainer, begin=0.25, end=0.5)
    assert trainer.step == 9
