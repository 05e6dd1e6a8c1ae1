"""What is asked of every method, on every kind of network: found by file, so that a new one is tested at once."""

from __future__ import annotations

import copy
import dataclasses
import json
import re
import shutil
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

from benchmarks import registry
from benchmarks.training.checkpoint import Journal
from benchmarks.training.network import realise, rebuild
from benchmarks.training.trainer import Trainer
from methods.core import gates
from methods.core.api import Keep, OwnNetwork, Unsupported
from methods.core.ranking import TOLERANCE
from methods.core.structure.structure import Structure, guard
from tests.kinds import EXAMPLE, KINDS

METHODS = registry.keys("method")
RUNS = [f"{key}@{target}" for key in METHODS for target in registry.card(key).targets]
EPOCHS = 4
pytestmark = pytest.mark.timeout(300)  # a method that never ends is found soon
IMAGES = torch.randn(16, 1, 8, 8, generator=torch.Generator().manual_seed(3))

MakeTrainer = Callable[..., Trainer]


class Recorded(Journal):
    """A journal that keeps a copy of every save, and so what a kill at any moment would have left."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.saves: list[Path] = []

    def write(self, path: Path, state: Any) -> None:  # type: ignore[override]
        Journal.write(path, state)
        kept = self.folder / f"save-{len(self.saves)}"
        kept.mkdir()
        self.saves.append(Path(shutil.copy(path, kept)))

    def left(self, saves: int, folder: Path) -> Journal:
        """The journal of a run that begins with the first so many saves of this one."""
        for save in self.saves[:saves]:
            shutil.copy(save, folder)
        return Journal(folder)


@cache
def structure_of(kind: str) -> Structure:
    return Structure.of(KINDS[kind](), EXAMPLE)


class Outcome(NamedTuple):
    net: nn.Module  # as the method left it
    keep: Keep | OwnNetwork
    small: nn.Module  # shrunk and fine-tuned
    macs: int  # of `small`
    trainer: Trainer


def taught(method: str, kind: str, make_trainer: MakeTrainer) -> Mapping[str, Tensor]:
    """What the source of a method saves on this kind of network."""
    torch.manual_seed(8)
    ((source, knobs),) = registry.load("method", method).SOURCE.items()
    net, module = KINDS[kind](), registry.load("method", source)
    trainer = make_trainer(net, EPOCHS, structure=structure_of(kind))
    module.learn(net, trainer, module.Knobs(**knobs))
    return trainer.saved_for_transfer


def live(method: str, kind: str, make_trainer: MakeTrainer, journal: Journal, seed: int = 0) -> Outcome:
    """A whole run: pretrain where the method begins from it, learn, shrink, fine-tune."""
    key, _, target_kind = method.partition("@")
    transferred = taught(key, kind, make_trainer) if target_kind == "from" else {}
    torch.manual_seed(7)
    net, module, card = KINDS[kind](), registry.load("method", key), registry.card(key)
    target = 0.5 if target_kind == "macs" else None
    own = {"target": target, "run": ("tiny", kind, seed), "journal": journal, "structure": structure_of(kind)}
    trainer = make_trainer(net, EPOCHS, transferred=transferred, **own)
    structure = trainer.structure
    dense = structure.macs(structure.everything())
    if card.start == "pretrained":
        trainer.begin("pretrain", dense, "continue")
        trainer.fit(net, 1)
    trainer.begin("learn", dense, "continue")
    keep = module.learn(net, trainer, module.Knobs())
    learned = copy.deepcopy(net)
    found = realise(keep, net, structure, trainer.data["validation"])
    trainer.begin("finetune", found.macs, "continue")
    trainer.fit(found.net, trainer.epochs)
    return Outcome(learned, keep, found.net, found.macs, trainer)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str, MakeTrainer], Outcome]:
    """One uninterrupted run of each method and kind, shared by the tests."""
    outcomes: dict[tuple[str, str], Outcome | Unsupported] = {}

    def get(method: str, kind: str, make_trainer: MakeTrainer) -> Outcome:
        if (method, kind) not in outcomes:
            try:
                journal = Recorded(tmp_path_factory.mktemp("journal"))
                outcomes[method, kind] = live(method, kind, make_trainer, journal)
            except Unsupported as refusal:
                outcomes[method, kind] = refusal
        found = outcomes[method, kind]
        if isinstance(found, Unsupported):
            assert re.fullmatch(r"[^\n]{10,200}", str(found)), "a refusal is one sentence"
            pytest.skip(f"{method} refuses {kind}: {found}")
        return found

    return get


def assert_same(one: Outcome, other: Outcome) -> None:
    """The same channels, bytes, costs and history."""
    if isinstance(one.keep, OwnNetwork) or isinstance(other.keep, OwnNetwork):
        assert one.keep.shape == other.keep.shape
    else:
        assert all(torch.equal(mask, other.keep[name]) for name, mask in one.keep.items())
    for ours, theirs in ((one.net, other.net), (one.small, other.small)):
        different = [n for n, t in ours.state_dict().items() if not torch.equal(t, theirs.state_dict()[n])]
        assert not different
    assert costs(one.trainer) == costs(other.trainer)
    assert one.trainer.history == other.trainer.history


def costs(trainer: Trainer) -> dict[str, tuple[int, float]]:
    """Steps and MACs of each phase; its seconds are no result."""
    return {phase: (cost.steps, cost.macs) for phase, cost in trainer.spent.items()}


@pytest.mark.parametrize("method", RUNS)
class TestEveryMethod:
    def test_says_which_channels_stay(self, method: str, kind: str, finished: Any, make_trainer: MakeTrainer) -> None:
        run = finished(method, kind, make_trainer)
        if isinstance(run.keep, OwnNetwork):
            shape = json.loads(json.dumps(run.keep.shape))
            again = rebuild(method.partition("@")[0], KINDS[kind](), structure_of(kind), shape, run.small.state_dict())
            assert torch.equal(again(IMAGES), run.small.eval()(IMAGES))
            return
        assert {n: (m.dtype, m.shape, m.device.type) for n, m in run.keep.items()} == {
            g.name: (torch.bool, (g.size,), "cpu") for g in run.trainer.groups
        }

    def test_meets_its_target(self, method: str, kind: str, finished: Any, make_trainer: MakeTrainer) -> None:
        run = finished(method, kind, make_trainer)
        structure, target = run.trainer.structure, run.trainer.target
        kept = run.macs / structure.macs(structure.everything())
        assert kept <= 1 if target is None else abs(kept - target) <= TOLERANCE * target

    def test_folds_what_it_learned(self, method: str, kind: str, finished: Any, make_trainer: MakeTrainer) -> None:
        """The network that it leaves, gated by its choice, is the network without the others."""
        run = finished(method, kind, make_trainer)
        if isinstance(run.keep, OwnNetwork):
            pytest.skip(f"{method} builds a network of its own")
        structure, keep = run.trainer.structure, guard(run.keep)
        with torch.no_grad():
            full = gates.gated(run.net.eval(), structure.groups, {n: m.float() for n, m in keep.items()}, IMAGES)
            small = structure.shrink(run.net, keep).eval()(IMAGES)
        assert (full - small).abs().max() <= 1e-4 * full.abs().max()

    def test_spends_its_budget_and_reports_it(
        self, method: str, kind: str, finished: Any, make_trainer: MakeTrainer
    ) -> None:
        trainer = finished(method, kind, make_trainer).trainer
        steps = sum(cost.steps for cost in trainer.spent.values())
        assert steps == trainer.step == trainer.budget.end == EPOCHS * trainer.epoch_steps
        assert all(cost.macs > 0 for cost in trainer.spent.values() if cost.steps)
        assert sum(line["phase"] == "learn" for line in trainer.history) >= bool(costs(trainer).get("learn", (0,))[0])

    def test_gives_the_same_bytes_for_the_same_seed(
        self, method: str, kind: str, finished: Any, make_trainer: MakeTrainer, tmp_path: Path
    ) -> None:
        assert_same(finished(method, kind, make_trainer), live(method, kind, make_trainer, Journal(tmp_path)))

    @pytest.mark.parametrize(("share", "written"), [(0, True), (0.4, False), (0.5, True), (0.75, False), (1, False)])
    @pytest.mark.parametrize("kind", ["plain", "residual"])
    def test_killed_and_taken_up_again_gives_the_same_bytes(
        self,
        method: str,
        kind: str,
        share: float,
        written: bool,
        finished: Any,
        make_trainer: MakeTrainer,
        tmp_path: Path,
    ) -> None:
        """Killed at the first save, at the last, and between; before the save is written, or behind."""
        whole = finished(method, kind, make_trainer)
        saves = len(whole.trainer.journal.saves)
        assert saves, "nothing was saved"
        last = max(1, round(share * saves))
        journal = whole.trainer.journal.left(last if written else last - 1, tmp_path)
        assert_same(whole, live(method, kind, make_trainer, journal))

    def test_sees_other_data_with_another_seed(
        self, method: str, finished: Any, make_trainer: MakeTrainer, tmp_path: Path
    ) -> None:
        one = finished(method, "residual", make_trainer)
        other = live(method, "residual", make_trainer, Journal(tmp_path), seed=1)
        assert one.trainer.history[-1]["train_loss"] != other.trainer.history[-1]["train_loss"]


@pytest.mark.parametrize("method", METHODS)
def test_its_file_holds_what_the_planner_reads(method: str) -> None:
    module, card = registry.load("method", method), registry.card(method)
    fields = dataclasses.fields(module.Knobs)
    assert (card.targets, card.start) == (module.TARGETS, module.START)
    assert card.retrain == getattr(module, "RETRAIN", None)
    assert card.knobs == {field.name: field.default for field in fields} == dataclasses.asdict(module.Knobs())
    assert list(card.types) == [field.name for field in fields]
    assert all(registry.fits(card, knob, default) for knob, default in card.knobs.items())
    assert set(card.ranges) <= set(card.knobs)


@pytest.mark.parametrize("method", METHODS)
def test_its_knobs_cannot_be_changed_by_a_run(method: str) -> None:
    assert registry.load("method", method).Knobs.__dataclass_params__.frozen


@pytest.mark.parametrize("method", METHODS)
def test_its_docstring_gives_source_idea_and_what_to_expect(method: str) -> None:
    doc = registry.card(method).doc
    assert re.search(r"arXiv \d{4}\.\d{4,5}|\b(19|20)\d\d\b|control|question", doc.split("Idea:")[0]), "no source"
    assert "Idea:" in doc
    expected = doc.split("Expected:")[1:]
    assert expected or method == "dense", "what to expect"
    said = "".join(expected)
    sourced = re.search(r"README|readme|\b[Tt]able|abstract|figure|configs?/|docs/|\.py", said)
    assert sourced or not re.search(r"\d\d\.\d", said), "a figure without its source"


@pytest.mark.parametrize("method", RUNS)
def test_what_it_learned_decides(method: str, finished: Any, make_trainer: MakeTrainer) -> None:
    """A method that trains to choose has a test of its own, which fails if what it found is ignored."""
    trainer = finished(method, "plain", make_trainer).trainer
    if costs(trainer).get("learn", (0,))[0] > trainer.budget.end / 4:
        tests = Path(__file__).with_name(f"test_{method.partition('@')[0]}.py")
        assert "@pytest.mark.decides\n" in tests.read_text(encoding="utf-8")


def test_the_trainer_is_the_problem_that_methods_see(make_trainer: MakeTrainer) -> None:
    from methods.core.api import Problem

    trainer = make_trainer(KINDS["plain"]())
    members = {*Problem.__annotations__, *(name for name in vars(Problem) if not name.startswith("_"))}
    assert {"groups", "target", "epochs", "rate", "rng", "batches", "fit", "charge"} <= members
    assert not [name for name in members if not hasattr(trainer, name)]


def test_no_method_can_see_a_test_image(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(KINDS["plain"]())
    assert set(trainer.data) == {"train", "validation"}
    with pytest.raises(KeyError):
        next(iter(trainer.batches(1, part="test")))
