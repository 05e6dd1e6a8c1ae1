"""The switcher of a source: used as it is, needed, and blind to the weights in its controls."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
import torch
from torch import Tensor

from benchmarks.training.trainer import Trainer
from methods import switcher, switcher_transfer
from methods.core.api import Keep
from tests.kinds import KINDS, settled

MakeTrainer = Callable[..., Trainer]


@pytest.fixture
def source(make_trainer: MakeTrainer) -> Mapping[str, Tensor]:
    """What a switcher saves that was trained on another network."""
    ((_, knobs),) = switcher_transfer.SOURCE.items()
    net = settled(KINDS["residual"]())
    trainer = make_trainer(net, epochs=6)
    switcher.learn(net, trainer, switcher.Knobs(**knobs))
    return trainer.saved_for_transfer


def run(make_trainer: MakeTrainer, given: Mapping[str, Tensor], **knobs: object) -> tuple[Keep, Mapping[str, Tensor]]:
    net = settled(KINDS["plain"]())
    trainer = make_trainer(net, epochs=6, transferred=given)
    return switcher_transfer.learn(net, trainer, switcher_transfer.Knobs(**knobs)), trainer.saved_for_transfer


def kept(keep: Keep) -> list[bool]:
    return torch.cat([mask.bool() for mask in keep.values()]).tolist()


def test_it_refuses_to_run_without_a_source(make_trainer: MakeTrainer) -> None:
    with pytest.raises(ValueError, match="parameters of a source's switcher, and was given none"):
        run(make_trainer, {})


def test_the_source_is_used_as_it_is_unless_it_is_trained(
    make_trainer: MakeTrainer, source: Mapping[str, Tensor]
) -> None:
    for train in (False, True):
        _, saved = run(make_trainer, source, train=train)
        assert set(saved) == set(source)
        assert all(torch.equal(saved[name], tensor) for name, tensor in source.items()) == (not train)


@pytest.mark.decides
def test_the_source_decides(make_trainer: MakeTrainer, source: Mapping[str, Tensor]) -> None:
    opposite = {name: -tensor if name.startswith("heads") else tensor for name, tensor in source.items()}
    one, other = (kept(run(make_trainer, given)[0]) for given in (source, opposite))
    assert not all(one) and not all(other) and one != other


@pytest.mark.parametrize("control", ["noise", "shuffled"])
def test_a_control_decides_otherwise_and_saves_what_the_source_saved(
    control: str, make_trainer: MakeTrainer, source: Mapping[str, Tensor]
) -> None:
    keep, saved = run(make_trainer, source, input=control)
    assert kept(keep) != kept(run(make_trainer, source)[0])
    assert set(saved) == set(source), "the noise is not passed on"
