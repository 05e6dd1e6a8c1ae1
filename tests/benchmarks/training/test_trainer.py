"""The trainer: one schedule, one budget, every image charged, and the same batches for everyone."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from torch import nn

from benchmarks.schemas.record import Spent
from benchmarks.training.budget import rate
from benchmarks.training.trainer import Trainer
from methods.core.api import Batch, Diverged
from tests.conftest import RECIPE
from tests.kinds import KINDS, settled

MakeTrainer = Callable[..., Trainer]


def images_of(trainer: Trainer, epochs: float) -> list[Batch]:
    """The batches of a plain loop; a loss is needed for the history."""
    batches = []
    for batch in trainer.batches(epochs):
        trainer.loops.history.losses.append(torch.zeros(()))
        batches.append(batch)
    return batches


def assert_same_batches(one: list[Batch], other: list[Batch]) -> None:
    for ours, theirs in zip(one, other, strict=True):
        assert torch.equal(ours.images, theirs.images) and torch.equal(ours.labels, theirs.labels)


def test_two_trainers_of_a_seed_see_identical_batches(make_trainer: MakeTrainer) -> None:
    """Whatever the network: differences between methods are paired."""
    run = ("tiny", "a", 0)
    one, other = (make_trainer(KINDS[kind](), run=run) for kind in ("plain", "residual"))
    torch.manual_seed(5)
    other.rng.manual_seed(5)
    assert_same_batches(images_of(one, 4), images_of(other, 4))


@pytest.mark.parametrize("run", [("tiny", "a", 1), ("tiny", "b", 0), ("other", "a", 0)])
def test_another_run_sees_other_batches(make_trainer: MakeTrainer, run: tuple[str, str, int]) -> None:
    one, other = (make_trainer(KINDS["plain"](), run=r) for r in (("tiny", "a", 0), run))
    assert not torch.equal(images_of(one, 1)[0].images, images_of(other, 1)[0].images)


def test_an_epoch_cut_in_pieces_hands_out_the_same_batches(make_trainer: MakeTrainer) -> None:
    whole, cut = (make_trainer(KINDS["plain"](), run=("tiny", "a", 0)) for _ in range(2))
    pieces = [batch for epochs in (1 / 3, 4 / 3, 1, 4 / 3) for batch in images_of(cut, epochs)]
    assert_same_batches(images_of(whole, 4), pieces)


def test_every_epoch_shows_every_image_once_in_another_order(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(KINDS["plain"]())
    batches = images_of(trainer, 2)
    one, other = (torch.cat([b.labels for b in batches[at : at + 3]]) for at in (0, 3))
    assert one.bincount().tolist() == other.bincount().tolist() == [48, 48]
    assert not torch.equal(one, other)


@pytest.mark.parametrize("epochs", [0, 0.1, 1 / 3, 0.5, 0.9, 1, 1.6, 8 / 3, 4])
def test_fractional_epochs_are_rounded_to_steps(make_trainer: MakeTrainer, epochs: float) -> None:
    trainer = make_trainer(KINDS["plain"]())
    assert len(images_of(trainer, epochs)) == trainer.step == round(3 * epochs)
    assert trainer.epochs == pytest.approx(4 - round(3 * epochs) / 3)


def test_more_than_the_budget_is_refused_and_nothing_is_trained(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(KINDS["plain"](), epochs=2)
    images_of(trainer, 1)
    with pytest.raises(ValueError, match=r"1\.5 epochs were asked for, 1 are left of the budget"):
        images_of(trainer, 1.5)
    assert trainer.step == 3
    images_of(trainer, 1)
    assert trainer.epochs == 0


def test_the_schedule_runs_over_the_whole_budget_whatever_it_is_cut_into(make_trainer: MakeTrainer) -> None:
    net = KINDS["plain"]()
    trainer = make_trainer(net)
    rates = []
    for epochs in (1, 0.5, None):
        optimizer = trainer.optimizer(net, lr=0.2)
        for _ in trainer.batches(trainer.epochs if epochs is None else epochs):
            trainer.loops.history.losses.append(torch.zeros(()))
            rates.append(optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx([0.2 * rate(RECIPE.warmup, (step + 0.5) / 12) for step in range(12)])


def test_a_restarted_schedule_begins_anew_over_what_is_left(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(KINDS["plain"]())
    images_of(trainer, 2)
    trainer.begin("finetune", 1.0, "restart")
    rates = []
    for _ in trainer.batches(2):
        trainer.loops.history.losses.append(torch.zeros(()))
        rates.append(trainer.rate)
    assert rates == pytest.approx([rate(RECIPE.warmup, (step + 0.5) / 6) for step in range(6)])


def test_all_optimizers_of_a_phase_follow_the_schedule(make_trainer: MakeTrainer) -> None:
    net = KINDS["plain"]()
    trainer = make_trainer(net)
    one, other = trainer.optimizer(net[0], lr=1.0), trainer.optimizer(net[3], lr=0.01, weight_decay=0.0)
    for _ in trainer.batches(2):
        trainer.loops.history.losses.append(torch.zeros(()))
        assert one.param_groups[0]["lr"] == pytest.approx(100 * other.param_groups[1]["lr"])
        assert one.param_groups[0]["lr"] == pytest.approx(trainer.rate)


def test_weight_decay_is_the_recipes_on_matrices_and_none_on_vectors(make_trainer: MakeTrainer) -> None:
    net = KINDS["residual"]()
    matrices, vectors = make_trainer(net).optimizer(net).param_groups
    assert (matrices["weight_decay"], vectors["weight_decay"]) == (RECIPE.weight_decay, 0.0)
    assert all(p.dim() > 1 for p in matrices["params"]) and all(p.dim() == 1 for p in vectors["params"])
    assert len(matrices["params"]) + len(vectors["params"]) == len(list(net.parameters()))
    assert (matrices["lr"], matrices["momentum"], matrices["nesterov"]) == (RECIPE.lr, RECIPE.momentum, True)


def test_training_is_charged_three_forward_passes_an_image(make_trainer: MakeTrainer) -> None:
    net = KINDS["residual"]()
    trainer = make_trainer(net)
    trainer.fit(net, 2.0 / 3)
    dense = trainer.structure.macs(trainer.structure.everything())
    assert asdict(trainer.spent["learn"]) | {"seconds": 0} == {"steps": 2, "macs": 3 * dense * 64, "seconds": 0}


def test_validation_is_charged_by_its_images(make_trainer: MakeTrainer) -> None:
    """One forward pass for each of the 48 images; the last batch of 16 is no batch of 32. No step is spent."""
    net = KINDS["residual"]()
    trainer = make_trainer(net)
    seen = sum(len(batch.labels) for batch in trainer.batches(1, part="validation"))
    dense = trainer.structure.macs(trainer.structure.everything())
    assert (seen, trainer.step) == (48, 0)
    assert asdict(trainer.spent["learn"]) | {"seconds": 0} == {"steps": 0, "macs": dense * 48, "seconds": 0}


@pytest.mark.parametrize(("epochs", "batches"), [(0, 0), (0.5, 1), (1, 2), (2, 4)])
def test_a_fraction_of_the_validation_part_is_a_fraction_of_its_batches(
    make_trainer: MakeTrainer, epochs: float, batches: int
) -> None:
    trainer = make_trainer(KINDS["plain"]())
    assert len(list(trainer.batches(epochs, part="validation"))) == batches


def test_what_a_method_charges_is_added_to_its_phase(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(KINDS["plain"]())
    trainer.charge(7.0)
    trainer.begin("finetune", 1.0, "continue")
    trainer.charge(5.0)
    assert {phase: cost.macs for phase, cost in trainer.spent.items()} == {"learn": 7.0, "finetune": 5.0}


def test_a_smaller_network_is_charged_less(make_trainer: MakeTrainer) -> None:
    net = settled(KINDS["residual"]())
    trainer = make_trainer(net)
    keep = {g.name: torch.arange(g.size) < g.size // 2 for g in trainer.groups}
    small = trainer.structure.shrink(net, keep)
    trainer.begin("finetune", trainer.structure.macs(keep), "continue")
    trainer.fit(small, 1)
    assert trainer.spent["finetune"].macs == 3 * trainer.structure.macs(keep) * 96


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_ends_the_run(make_trainer: MakeTrainer, bad: float) -> None:
    net = KINDS["plain"]()
    trainer = make_trainer(net)
    with pytest.raises(Diverged, match=r"training loss was (nan|inf) in epoch 1\.0"):
        trainer.fit(net, 2, penalty=lambda: torch.zeros(()), params=lambda: {"9.bias": torch.full((2,), bad)})
    assert trainer.spent["learn"].steps == 3, "what it cost is charged"


def test_weights_that_run_away_are_seen(make_trainer: MakeTrainer) -> None:
    net = settled(KINDS["plain"]())
    with pytest.raises(Diverged):
        make_trainer(net).fit(net, 4, lr=1e12)


def test_a_penalty_moves_the_weights_and_stays_out_of_the_history(make_trainer: MakeTrainer) -> None:
    def fitted(weight: float, constant: float) -> tuple[float, float]:
        net = settled(KINDS["plain"]())
        trainer = make_trainer(net, run=("tiny", "a", 0))
        trainer.fit(net, 1, penalty=lambda: weight * net[0].weight.abs().sum() + constant)
        return trainer.history[0]["train_loss"], net[0].weight.detach().abs().sum().item()

    assert fitted(0.0, 100.0) == fitted(0.0, 0.0)
    assert fitted(0.1, 0.0)[1] < fitted(0.0, 0.0)[1]


def test_a_module_that_is_trained_along_moves(make_trainer: MakeTrainer) -> None:
    net, along = KINDS["plain"](), nn.Linear(2, 2)
    before = along.weight.detach().clone()
    make_trainer(net).fit(net, 1, trained=along, penalty=lambda: along.weight.square().sum())
    assert not torch.equal(along.weight, before)


def test_notes_stand_in_the_history_of_their_epoch(make_trainer: MakeTrainer) -> None:
    net = KINDS["plain"]()
    trainer = make_trainer(net)
    trainer.fit(net, 2, after_step=lambda: trainer.note(step=trainer.step))
    trainer.fit(net, 1)
    assert [line.get("step") for line in trainer.history] == [3, 6, None]
    assert [line["epoch"] for line in trainer.history] == [1, 2, 3]


def test_a_note_before_a_loop_is_still_there_when_the_loop_is_taken_up(
    make_trainer: MakeTrainer, tmp_path: Path
) -> None:
    def run(steps: int) -> list[dict[str, float | str]]:
        net = settled(KINDS["plain"]())
        trainer = make_trainer(net, folder=tmp_path / "journal", run=("tiny", "a", 0))
        for i, _ in enumerate(trainer.batches(1, part="validation")):
            trainer.note(best=i)
        for _ in range(steps):
            trainer.fit(net, 1)
        return trainer.history

    assert run(0) == []
    assert run(1)[0]["best"] == 1, "the loop that noted it is not run again"


def test_losses_on_validation_images_stay_out_of_the_training_loss(make_trainer: MakeTrainer) -> None:
    net = settled(KINDS["plain"]())
    one, other = (make_trainer(net, run=("tiny", "a", 0)) for _ in range(2))
    for batch in other.batches(1, part="validation"):
        other.loss(net, Batch(batch.images, 1 - batch.labels))
    for trainer in (one, other):
        for batch in trainer.batches(1):
            trainer.loss(net, batch)
    assert one.history == other.history


def test_momentum_goes_on_from_loop_to_loop(make_trainer: MakeTrainer) -> None:
    whole, cut = settled(KINDS["residual"]()), settled(KINDS["residual"]())
    make_trainer(whole, run=("tiny", "a", 0)).fit(whole, 2)
    trainer = make_trainer(cut, run=("tiny", "a", 0))
    for _ in range(3):
        trainer.fit(cut, 2 / 3)
    assert all(torch.equal(p, q) for p, q in zip(whole.parameters(), cut.parameters(), strict=True))


def test_a_layer_that_was_shrunk_begins_without_momentum_and_the_others_keep_theirs(make_trainer: MakeTrainer) -> None:
    net = settled(KINDS["plain"]())
    trainer = make_trainer(net)
    trainer.fit(net, 1)
    learned = trainer.momentum
    keep = {g.name: torch.arange(g.size) < (4 if g.name == "0" else g.size) for g in trainer.groups}
    small = trainer.structure.shrink(net, keep)
    trainer.fit(small, 0)
    assert set(learned) - set(trainer.momentum) == {"0.weight", "0.bias", "3.weight"}
    assert all(torch.equal(momentum, learned[name]) for name, momentum in trainer.momentum.items())


@pytest.mark.parametrize("epochs", [2, 4])
def test_new_weights_have_a_whole_schedule_of_their_own(make_trainer: MakeTrainer, epochs: int) -> None:
    """Over the epochs that they get: the rates of a run of that length, and no momentum."""
    net, rates = KINDS["plain"](), []
    trainer, short = make_trainer(net), make_trainer(net, epochs)
    trainer.fit(net, 2)
    trainer.start_anew(epochs)
    assert (trainer.epochs, trainer.momentum) == (epochs, {})
    for each in (trainer, short):
        rates.append([])
        each.fit(net, epochs, after_step=lambda each=each: rates[-1].append(each.rate))
    assert rates[0] == rates[1]
    assert trainer.spent["learn"].steps == 6 + 3 * epochs, "what was spent stays charged"


def test_resuming_from_a_start_is_charged_for_it(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(KINDS["plain"]())
    trainer.resume({}, {"pretrain": Spent(6, 10.0, 1.0)})
    assert (trainer.epochs, trainer.spent["pretrain"].macs) == (2, 10.0)


def test_a_finished_loop_yields_nothing_when_it_is_taken_up(make_trainer: MakeTrainer, tmp_path: Path) -> None:
    first, again = settled(KINDS["plain"]()), settled(KINDS["plain"](), 1)
    make_trainer(first, folder=tmp_path, run=("tiny", "a", 0)).fit(first, 2)
    trainer = make_trainer(again, folder=tmp_path, run=("tiny", "a", 0))
    steps = []
    trainer.fit(again, 2, after_step=lambda: steps.append(1))
    assert not steps and trainer.step == 6
    assert all(torch.equal(p, q) for p, q in zip(first.parameters(), again.parameters(), strict=True))


def test_a_damaged_save_is_trained_again_to_the_same_bytes(make_trainer: MakeTrainer, tmp_path: Path) -> None:
    first, again = settled(KINDS["plain"]()), settled(KINDS["plain"]())
    make_trainer(first, folder=tmp_path, run=("tiny", "a", 0)).fit(first, 2)
    (save,) = tmp_path.iterdir()
    save.write_bytes(save.read_bytes()[:-9])
    with pytest.warns(UserWarning, match="cut short or altered"):
        make_trainer(again, folder=tmp_path, run=("tiny", "a", 0)).fit(again, 2)
    assert all(torch.equal(p, q) for p, q in zip(first.parameters(), again.parameters(), strict=True))
