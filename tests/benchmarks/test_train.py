"""A job, from prepared data to rows: what a cell's training leaves, how it is taken up, and what is measured of it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save

from benchmarks import measure, registry, train
from benchmarks.data.prepared import load
from benchmarks.schemas import correct
from benchmarks.schemas.rows import COLUMNS, STATUSES, TIME_COLUMNS
from benchmarks.schemas.runs import load as load_runs
from benchmarks.schemas.runs import save as save_runs
from benchmarks.schemas.spec import Spec
from benchmarks.schemas.target import cell_folder
from benchmarks.study.config import parse
from benchmarks.study.specs import cell_spec, start_spec
from benchmarks.train import train_cell, train_start
from benchmarks.training import network
from benchmarks.training import run as one_seed
from benchmarks.training.budget import Budget, rate
from benchmarks.training.checkpoint import Journal
from benchmarks.training.start import Inputs, inputs_of
from methods.core.structure.structure import Structure
from tests.conftest import RECIPE
from tests.kinds import EXAMPLE, KINDS, settled

CPU = torch.device("cpu")
STUDY = {
    "study": "tiny",
    "datasets": ["digits"],
    "networks": ["lenet5"],
    "methods": ["dense", "uniform", "l1", "switcher"],
    "targets": ["macs=0.5", "free", "match:switcher"],
    "seeds": 2,
    "epochs": 4,
    "pretrain_epochs": 2,
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """192 images in the form of the digits; ten classes of a bright row each."""
    generator = torch.Generator().manual_seed(0)
    tensors = {"mean": torch.tensor([70.0]), "std": torch.tensor([45.0])}
    for part, count in (("train", 192), ("validation", 50), ("test", 50)):
        labels = torch.arange(count) % 10
        images = torch.randint(0, 120, (count, 1, 8, 8), generator=generator, dtype=torch.uint8)
        images[torch.arange(count), 0, labels % 8, labels // 2] = 255
        tensors |= {f"{part}_images": images, f"{part}_labels": labels}
    path = tmp_path_factory.mktemp("data") / "digits.safetensors"
    path.write_bytes(save(tensors))
    path.with_suffix(".sha256").write_text(hashlib.sha256(path.read_bytes()).hexdigest())
    return path


def specs(**changes: Any) -> dict[str, Spec]:
    """The shared start and every cell of the study."""
    study = parse(STUDY | changes, "tests")
    found = {cell.folder: cell_spec(study, cell) for cell in study.cells()}
    found["start"] = start_spec(study, "digits", "lenet5")
    return {name: spec.model_copy(update={"recipe": RECIPE}) for name, spec in found.items()}


class Bench:
    """Jobs in one folder, as the workflow would run them."""

    def __init__(self, folder: Path, data: Path) -> None:
        self.folder, self.data = folder, data

    def start(self, spec: Spec) -> Path:
        out = self.folder / "start"
        train_start(spec, self.data, out, self.folder / "scratch" / "start", CPU)
        return out

    def cell(self, spec: Spec, start: Path | None = None, reference: Path | None = None) -> Path:
        name = cell_folder(spec.label, spec.target)
        out = self.folder / name
        train_cell(spec, self.data, start, reference, out, self.folder / "scratch" / name, CPU)
        return out


@pytest.fixture
def bench(tmp_path: Path, data: Path) -> Bench:
    return Bench(tmp_path, data)


def records(folder: Path) -> list[dict[str, Any]]:
    return json.loads((folder / "runs.json").read_text())


def timeless(folder: Path) -> Any:
    """What a job wrote, without times."""
    found = records(folder)
    for record in found:
        del record["finished_at"]
        for cost in record["spent"].values():
            del cost["seconds"]
    return found, (folder / "models.safetensors").read_bytes()


def test_dense_from_the_shared_start_is_one_uninterrupted_run_to_the_bit(bench: Bench, tmp_path: Path) -> None:
    split = bench.cell(specs()["dense@free"], bench.start(specs()["start"]))
    whole = Bench(tmp_path / "whole", bench.data).cell(specs(pretrain_epochs=0)["dense@free"])
    assert (split / "models.safetensors").read_bytes() == (whole / "models.safetensors").read_bytes()
    for record in records(split):
        assert {phase: cost["steps"] for phase, cost in record["spent"].items()} == {"pretrain": 12, "finetune": 12}


class KilledError(Exception):
    """The process ended here."""


@pytest.mark.parametrize("cell", ["switcher@free", "dmcp@macs=0.5"])
@pytest.mark.parametrize("last", [1, 3, 5, 6])
def test_a_job_that_was_killed_writes_the_same_bytes_when_it_is_run_again(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: int, cell: str
) -> None:
    spec = specs(methods=["switcher", "dmcp"], targets=["free", "macs=0.5"])[cell]
    whole = bench.cell(spec)
    other = Bench(tmp_path / "other", bench.data)
    write, saves = Journal.write, 0

    def mortal(path: Path, state: Any) -> None:
        nonlocal saves
        saves += 1
        if saves == last:
            raise KilledError
        write(path, state)

    with monkeypatch.context() as patched, pytest.raises(KilledError):
        patched.setattr(Journal, "write", staticmethod(mortal))
        other.cell(spec)
    assert not (other.folder / cell).exists(), "an output is whole or not there"
    assert timeless(other.cell(spec)) == timeless(whole)


def test_a_seed_that_is_added_trains_alone(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    before = timeless(bench.cell(specs()["switcher@free"]))[0]
    seeds = []
    one = train.run_seed
    monkeypatch.setattr(
        train, "run_seed", lambda spec, inputs, *rest: (seeds.append(inputs.seed), one(spec, inputs, *rest))[1]
    )
    after = timeless(bench.cell(specs(seeds=3)["switcher@free"]))[0]
    assert seeds == [2]
    assert after[:2] == before and len(after) == 3


@pytest.mark.parametrize("changes", [{"epochs": 5}, {"methods": [{"switcher": {"gain": 1.0}}], "targets": ["free"]}])
def test_other_settings_train_anew(bench: Bench, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]) -> None:
    bench.cell(specs(seeds=1)["switcher@free"])
    (spec,) = (s for name, s in specs(seeds=1, **changes).items() if name.startswith("switcher") and "free" in name)
    seeds = []
    one = train.run_seed
    monkeypatch.setattr(
        train, "run_seed", lambda spec, inputs, *rest: (seeds.append(inputs.seed), one(spec, inputs, *rest))[1]
    )
    scratch = next((bench.folder / "scratch").iterdir())
    train_cell(spec, bench.data, None, None, bench.folder / "out", scratch, CPU)
    assert seeds == [0]


def test_the_journal_is_cleared_and_the_result_stays(bench: Bench) -> None:
    bench.cell(specs(seeds=1)["uniform@macs=0.5"])
    left = [path.name for path in (bench.folder / "scratch").rglob("*") if path.is_file()]
    assert sorted(left) == [".lock", "finished"]


def test_a_matched_cell_keeps_the_macs_of_the_other_seed_by_seed(bench: Bench) -> None:
    reference = bench.cell(specs()["switcher@free"])
    matched = bench.cell(specs()["uniform@match:switcher"], reference=reference)
    for one, other in zip(records(reference), records(matched), strict=True):
        assert one["seed"] == other["seed"]
        assert other["macs"] == pytest.approx(one["macs"], rel=0.02)


def test_nothing_to_match_is_a_row_and_no_crash(bench: Bench) -> None:
    reference = bench.cell(specs(seeds=1)["switcher@free"])
    spec, (found,) = specs(seeds=1)["uniform@match:switcher"], records(reference)
    (reference / "runs.json").write_text(json.dumps([found | {"status": "collapsed"}]))
    (inputs,) = inputs_of(spec, None, reference)
    assert inputs.refused is None and inputs.target == found["macs"] / found["macs_dense"], "it has a size"
    found |= {"status": "diverged", "reason": "the training loss was nan in epoch 1.0"}
    (reference / "runs.json").write_text(json.dumps([found]))
    (record,) = records(bench.cell(spec, reference=reference))
    assert (record["status"], record["reason"]) == ("unsupported", "the run that match:switcher refers to is diverged")


SOURCE = {"switcher": {"reading": "forced", "lr": 0.08, "reader": "equivariant", "input": "both"}}


def test_a_method_starts_with_what_its_source_has_saved(bench: Bench) -> None:
    methods = [SOURCE, "switcher_transfer"]
    made = specs(methods=methods, targets=["from:lenet5"], seeds=1)
    source, spec = (
        bench.cell(made["switcher,reading=forced,lr=0.08,reader=equivariant,input=both@free"]),
        made["switcher_transfer@from:lenet5"],
    )
    (inputs,) = inputs_of(spec, None, source)
    assert {"heads.0.weight", "mlp.0.bias"} <= set(inputs.transferred) == set(load_runs(source)[0].weights.transfer)
    assert inputs.target is None
    (record,) = records(bench.cell(spec, reference=source))
    assert record["status"] in ("ok", "collapsed")
    run = load_runs(source)[0]
    run.weights.transfer["heads.0.weight"] *= -1
    save_runs(source, [run])
    (other,) = records(bench.cell(spec, reference=source))
    assert other["history"] != record["history"], "another source is another run"


def test_what_is_saved_for_transfer_changes_only_where_it_is_trained(bench: Bench) -> None:
    methods = [SOURCE, "switcher_transfer"]
    made = specs(methods=[*methods, {"switcher_transfer": {"train": True}}], targets=["from:lenet5"], seeds=1)
    source = bench.cell(made["switcher,reading=forced,lr=0.08,reader=equivariant,input=both@free"])
    before = load_runs(source)[0].weights.transfer
    for label, same in (("switcher_transfer", True), ("switcher_transfer,train=True", False)):
        after = load_runs(bench.cell(made[f"{label}@from:lenet5"], reference=source))[0].weights.transfer
        assert set(after) == set(before)
        assert all(torch.equal(after[name], tensor) for name, tensor in before.items()) == same


def test_a_start_that_diverged_refuses_its_seed_and_no_other(bench: Bench) -> None:
    start = bench.start(specs()["start"])
    found = records(start)
    found[0] |= {"status": "diverged", "reason": "the training loss was nan in epoch 1.0"}
    (start / "runs.json").write_text(json.dumps(found))
    bad, good = records(bench.cell(specs()["l1@macs=0.5"], start))
    assert bad["status"] == "unsupported" and "the training loss was nan in epoch 1.0" in bad["reason"]
    assert good["status"] in ("ok", "collapsed") and good["macs"] > 0


def test_a_run_that_diverges_is_a_record_with_its_cost(bench: Bench) -> None:
    spec = specs(seeds=1)["uniform@macs=0.5"]
    hot = spec.model_copy(update={"recipe": RECIPE.model_copy(update={"lr": 1e9, "warmup": 0.0})})
    folder = bench.cell(hot)
    (record,) = records(folder)
    assert record["status"] == "diverged" and "epoch" in record["reason"]
    assert sum(cost["macs"] for cost in record["spent"].values()) > 0
    assert load_file(folder / "models.safetensors") == {}


@pytest.mark.parametrize(
    ("schedule", "cell", "steps"),
    [
        ("continue", "start", 24),
        ("continue", "l1@macs=0.5", 24),
        ("restart", "start", 12),
        ("restart", "l1@macs=0.5", 24),
    ],
)
def test_a_start_whose_schedule_is_not_gone_on_with_is_a_training_of_its_own(
    data: Path, tmp_path: Path, schedule: str, cell: str, steps: int
) -> None:
    parts = load(data, ("train", "validation"), CPU)
    spec = specs(schedule=schedule)[cell]
    structure = network.new_network(spec, 0, parts["train"], CPU)[1]
    trainer = one_seed.new_trainer(spec, Inputs(0), parts, structure, Journal(tmp_path))
    assert trainer.budget.end == steps


def test_a_restarted_schedule_spends_the_same_budget(bench: Bench) -> None:
    made = specs(schedule="restart", seeds=1)
    (record,) = records(bench.cell(made["l1@macs=0.5"], bench.start(made["start"])))
    assert {phase: cost["steps"] for phase, cost in record["spent"].items()} == {"pretrain": 12, "finetune": 12}
    (other,) = records(bench.cell(specs(seeds=1)["l1@macs=0.5"], bench.start(specs(seeds=1)["start"])))
    assert record["history"] != other["history"]


def test_a_shape_that_is_trained_from_scratch_has_new_weights_and_what_is_left_of_the_budget(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []
    initialise = network.initialise

    def spy(net: torch.nn.Module, spec: Spec, seed: int) -> None:
        initialise(net, spec, seed)
        sizes.append(sum(parameter.numel() for parameter in net.parameters()))

    for module in (network, train):
        monkeypatch.setattr(module, "initialise", spy)
    cells = specs(seeds=1, retrain="scratch", methods=["dense", {"switcher": {"reading": "forced"}}], targets=["free"])
    (record,) = records(bench.cell(cells["switcher,reading=forced@free"]))
    assert {phase: cost["steps"] for phase, cost in record["spent"].items()} == {"learn": 17, "finetune": 7}
    assert len(sizes) == 2 and sizes[1] < sizes[0], "the dense network's, then the small one's"


ANEW = ["darts", "dmcp", "evolution", "metapruning", "random_search", "uniform"]
"""Methods whose papers train the found network from new weights."""


@pytest.mark.parametrize("method", ANEW)
def test_search_and_retraining_share_the_one_budget(bench: Bench, method: str) -> None:
    assert registry.card(method).retrain == "scratch"
    cells = specs(seeds=1, methods=["dense", method], targets=["macs=0.5"])
    (record,) = records(bench.cell(cells[f"{method}@macs=0.5"]))
    assert record["status"] in ("ok", "collapsed")
    assert sum(cost["steps"] for cost in record["spent"].values()) == 24
    assert record["spent"]["finetune"]["steps"] >= 12, "half of it at least for the network that was found"


@pytest.mark.parametrize("method", ANEW[:-1])
def test_search_and_retraining_each_have_a_schedule_that_falls_to_zero(
    bench: Bench, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a search finds is scored by weights that have come to rest."""
    rates: dict[int, float] = {}
    monkeypatch.setattr(Budget, "rate", lambda self, step, of=Budget.rate: rates.setdefault(step, of(self, step)))
    cells = specs(seeds=1, methods=[{method: {"share": 0.25}}], targets=["macs=0.5"])
    (record,) = records(bench.cell(cells[f"{method},share=0.25@macs=0.5"]))
    assert {phase: cost["steps"] for phase, cost in record["spent"].items()} == {"learn": 6, "finetune": 18}
    parts = [rate(RECIPE.warmup, (i + 0.5) / steps) for steps in (6, 18) for i in range(steps)]
    assert [rates[step] for step in range(24)] == pytest.approx(parts)


@pytest.mark.parametrize("method", ANEW[:-1])
def test_the_papers_budget_trains_the_found_network_for_all_epochs_and_marks_its_rows(
    bench: Bench, method: str
) -> None:
    cells = specs(seeds=1, methods=[{method: {"budget": "paper"}}], targets=["macs=0.5"])
    spec = cells[f"{method},budget=paper@macs=0.5"]
    assert spec.label == f"{method},budget=paper", "what every table calls the row"
    (record,) = records(bench.cell(spec))
    assert {phase: cost["steps"] for phase, cost in record["spent"].items()} == {"learn": 12, "finetune": 24}


def test_a_run_with_nothing_left_for_new_weights_is_refused(bench: Bench) -> None:
    methods = ["dense", {"tas": {"distillation": 0.9}}]
    cells = specs(seeds=1, methods=methods, targets=["macs=0.5"], retrain="scratch")
    (record,) = records(bench.cell(cells["tas,distillation=0.9@macs=0.5"], bench.start(cells["start"])))
    assert record["status"] == "unsupported" and record["reason"] == (
        "tas,distillation=0.9 spends the whole budget; nothing is left to train the found network from new weights "
        "(retrain: scratch)"
    )


def test_an_emptied_group_is_a_result_and_said_so(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    switcher = registry.load("method", "switcher")
    monkeypatch.setattr(
        switcher,
        "learn",
        lambda net, problem, knobs: {
            g.name: torch.arange(g.size) < (0 if i == 0 else g.size) for i, g in enumerate(problem.groups)
        },
    )
    (record,) = records(bench.cell(specs(seeds=1)["switcher@free"]))
    assert record["status"] in ("ok", "collapsed")
    assert record["groups_at_minimum"] == 1 and sorted(record["widths"].values())[0] == 1


def test_rows_hold_every_column_and_say_what_was_measured(bench: Bench, tmp_path: Path) -> None:
    made = specs()
    cells = [(made["switcher@free"], bench.cell(made["switcher@free"]))]
    cells += [(made["uniform@macs=0.5"], bench.cell(made["uniform@macs=0.5"]))]
    rows = measure.measure(cells, bench.data, CPU, tmp_path / "correct.parquet")
    images = correct.read(tmp_path / "correct.parquet")
    assert [bits.mean() for bits in correct.unpacked(images)] == [row["test_accuracy"] for row in rows]
    assert images["seed"].tolist() == [row["seed"] for row in rows]
    assert len(rows) == 4 and all(list(row) == list(COLUMNS) for row in rows)
    for row in rows:
        assert row["status"] in STATUSES
        assert 0 <= row["test_accuracy"] <= 1 and row["logit_difference"] <= 1e-4
        assert row["params"] <= row["params_dense"] and row["bytes"] > 4 * row["params"]
        assert row["epochs_pretrain"] + row["epochs_learn"] + row["epochs_finetune"] == pytest.approx(4)
        assert row["recipe"] == "study", "RECIPE is not that of the table"
        assert row["latency_cpu_b1_ms"] > 0 and row["latency_gpu_b1_ms"] is None
        assert row["timed_at"] == rows[0]["timed_at"] >= row["finished_at"]
    assert all(row["macs"] == pytest.approx(0.5 * row["macs_dense"], rel=0.02) for row in rows[2:])
    assert all(row["params"] < row["params_dense"] for row in rows[2:])
    json.dumps(rows, allow_nan=False)


def test_rows_are_the_same_numbers_when_they_are_measured_again(bench: Bench) -> None:
    spec = specs(seeds=1)["uniform@macs=0.5"]
    cells = [(spec, bench.cell(spec))]
    one, again = (measure.measure(cells, bench.data, CPU)[0] for _ in range(2))
    assert {c: one[c] for c in COLUMNS if c not in TIME_COLUMNS} == {
        c: again[c] for c in COLUMNS if c not in TIME_COLUMNS
    }


def test_a_refused_run_is_a_row_without_a_score(bench: Bench) -> None:
    spec = specs(seeds=1, targets=["macs=0.001", "free"])["uniform@macs=0.001"]
    (row,) = measure.measure([(spec, bench.cell(spec))], bench.data, CPU)
    assert (row["status"], row["test_accuracy"], row["macs"]) == ("unsupported", None, None)
    assert "cannot keep 0.1% of the MACs" in row["reason"]
    assert row["macs_dense"] > 0


def test_a_network_is_rebuilt_from_its_widths_to_the_same_logits(kind: str) -> None:
    """Which channels were kept does not matter, only how many."""
    net = settled(KINDS[kind]())
    structure = Structure.of(net, EXAMPLE)
    generator = torch.Generator().manual_seed(2)
    keep = {g.name: torch.rand(g.size, generator=generator).argsort() < max(1, g.size // 2) for g in structure.groups}
    small = structure.shrink(net, keep).eval()
    widths = {name: int(mask.sum()) for name, mask in keep.items()}
    again = network.rebuild("l1", settled(KINDS[kind](), 9), structure, widths, small.state_dict())
    images = torch.randn(4, 1, 8, 8, generator=generator)
    with torch.no_grad():
        assert torch.allclose(again(images), small(images), rtol=1e-5, atol=1e-6)


def test_methods_of_a_seed_start_with_the_same_weights(data: Path) -> None:
    part = load(data, ("train",), CPU)["train"]
    made = specs()
    nets = [network.new_network(made[name], seed, part, CPU)[0] for name, seed in
            [("switcher@free", 0), ("uniform@macs=0.5", 0), ("switcher@free", 1)]]  # fmt: skip
    one, other, another = (next(net.parameters()) for net in nets)
    assert torch.equal(one, other) and not torch.equal(one, another)


def test_no_training_job_reads_the_test_part(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, ...]] = []

    def spy(path: Path, parts: tuple[str, ...], device: torch.device) -> Any:
        asked.append(parts)
        return load(path, parts, device)

    monkeypatch.setattr(train, "load", spy)
    bench.cell(specs(seeds=1)["dense@free"], bench.start(specs(seeds=1)["start"]))
    assert asked == [("train", "validation")] * 2


def test_the_gate_between_gated_and_shrunk_logits_can_close(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shrunk network that computes something else is no result."""
    monkeypatch.setattr(network, "_difference", lambda *_: 0.01)
    (record,) = records(bench.cell(specs(seeds=1)["switcher@free"]))
    assert record["status"] == "unsupported" and "1.0e-02" in record["reason"]


def test_the_difference_of_logits_is_relative_to_the_largest(data: Path) -> None:
    part = load(data, ("validation",), CPU)["validation"]
    net = settled(KINDS["plain"](classes=10))
    structure = Structure.of(net, EXAMPLE)
    everything = structure.everything()
    other = structure.shrink(net, everything)
    with torch.no_grad():
        other[-1].weight *= 1.01
        other[-1].bias *= 1.01
    assert network._difference(net, other, structure, everything, part) == pytest.approx(0.01, rel=1e-3)


def test_configs_differ_by_what_changes_numbers_and_by_nothing_else() -> None:
    base = specs()["switcher@free"]
    same = [
        {"study": "other"},
        {"seeds": 5},
        {"networks": ["lenet5"], "methods": ["switcher", "dense"], "targets": ["free"]},
    ]
    other = [{"epochs": 5}, {"retrain": "scratch"}, {"schedule": "restart"}, {"pretrain_epochs": 1}]
    assert {specs(**changes)["switcher@free"].config_hash for changes in same} == {base.config_hash}
    assert len({specs(**changes)["switcher@free"].config_hash for changes in other} | {base.config_hash}) == 5


@pytest.mark.parametrize("used", ["float32", "bfloat16"])
def test_auto_is_the_same_run_as_the_precision_that_it_stands_for(
    bench: Bench, tmp_path: Path, used: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row says which, and what was trained before under the explicit name is not trained again."""
    explicit = bench.cell(specs(seeds=1, precision=used)["uniform@macs=0.5"])
    monkeypatch.setattr(train, "precision", lambda asked, device: used if asked == "auto" else asked)
    monkeypatch.setattr(train, "run_seed", lambda *_: pytest.fail("it is trained again"))
    spec = specs(seeds=1)["uniform@macs=0.5"]
    assert spec.precision == "auto"
    kept = timeless(explicit)
    assert timeless(bench.cell(spec)) == kept
    assert kept[0][0]["precision"] == used
