"""A study from config to tables, as a user runs it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.schemas.rows import COLUMNS
from tests.workflow.conftest import Project

ALWAYS = {
    "measuring lenet5 on digits",
    "gathering the rows",
    "writing the tables",
    "drawing the figures",
    "writing the claims and the page",
}

NETWORK = '''"""A view of a fixed size."""

from torch import nn


class Net(nn.Module):
    def __init__(self, channels, classes):
        super().__init__()
        self.first = nn.Conv2d(channels, 8, 3, padding=1)
        self.head = nn.Linear(8, classes)

    def forward(self, x):
        x = self.first(x)
        return self.head({mean})


def build(channels, size, classes):
    return Net(channels, classes)
'''


def test_every_cell_and_seed_is_a_row(undisturbed: Project) -> None:
    rows = undisturbed.rows()
    assert list(rows.columns) == list(COLUMNS)
    cells = {("dense", "free"), ("switcher", "free")}
    cells |= {(method, "macs=0.5") for method in ("l1", "switcher")} | {("l1", "match:switcher")}
    assert set(zip(rows.method, rows.target, rows.seed, strict=True)) == {(*c, s) for c in cells for s in ("0", "1")}
    assert set(rows.status) == {"ok"}


def test_targets_are_what_was_measured(undisturbed: Project) -> None:
    rows = undisturbed.rows().astype({"macs": float, "macs_dense": float, "logit_difference": float})
    kept = (rows.macs / rows.macs_dense).groupby([rows.method, rows.target, rows.seed]).first()
    assert kept["l1", "macs=0.5"].between(0.49, 0.51).all()
    assert (kept["l1", "match:switcher"] / kept["switcher", "free"]).between(0.98, 1.02).all()
    assert (kept["dense", "free"] == 1).all()
    assert (rows.logit_difference <= 1e-4).all()


def test_every_method_spends_the_same_epochs(undisturbed: Project) -> None:
    rows = undisturbed.rows().astype({f"epochs_{p}": float for p in ("pretrain", "learn", "finetune")})
    assert (rows.epochs_pretrain + rows.epochs_learn + rows.epochs_finetune == 8).all()
    assert (rows[rows.method == "switcher"].epochs_pretrain == 0).all()
    assert (rows[rows.method == "l1"].epochs_pretrain == 4).all()


def test_tables_and_figures_are_there(undisturbed: Project) -> None:
    results = undisturbed.root / "results/tiny"
    for figure in ("accuracy_macs", "channels"):
        for suffix in ("pdf", "svg", "png", "txt"):
            assert (results / f"figures/{figure}.{suffix}").stat().st_size > 0
    for suffix in ("csv", "md", "tex", "html"):
        assert "switcher" in (results / f"tables/summary.{suffix}").read_text()


def test_a_finished_study_has_nothing_to_do(finished: Project) -> None:
    assert "Nothing to be done" in finished.run()


def test_editing_a_method_reruns_its_cells_alone(finished: Project) -> None:
    finished.replace("methods/l1.py", "p=1", "p=2")
    trained = {f"training l1@{target}, lenet5 on digits" for target in ("macs=0.5", "match:switcher")}
    assert finished.planned() == trained | ALWAYS


def test_editing_a_figure_trains_and_measures_nothing(finished: Project) -> None:
    finished.replace("benchmarks/report/figures/panels.py", "PAGE = 10", "PAGE = 12")
    assert finished.planned() == {"drawing the figures", "writing the claims and the page"}


def test_a_comment_and_a_message_rerun_nothing(finished: Project) -> None:
    for name in ("methods/l1.py", "benchmarks/training/trainer.py", "benchmarks/report/figures/panels.py"):
        finished.replace(name, "from __future__", "# A comment.\nfrom __future__")
    finished.replace("benchmarks/training/budget.py", "epochs were asked for", "epochs were requested")
    assert finished.planned() == set()


def test_adding_a_seed_trains_that_seed_alone(finished: Project) -> None:
    before = {r["seed"]: r["finished_at"] for r in finished.records("l1@macs=0.5")}
    logs = finished.root / "results/tiny/logs/digits/lenet5/l1@macs=0.5.log"
    finished.configure(seeds=3, methods=["dense", "l1"], targets=["macs=0.5"])
    finished.run()
    after = {r["seed"]: r["finished_at"] for r in finished.records("l1@macs=0.5")}
    assert set(after) == {0, 1, 2}
    assert {seed: after[seed] for seed in before} == before
    assert "seed 2" in logs.read_text() and "seed 0" not in logs.read_text()


def test_a_run_that_diverges_is_a_row_and_the_grid_goes_on(new_project: Callable[..., Project]) -> None:
    project = new_project(
        methods=["dense", {"dense": {"lr": 1e30}}, "switcher"], targets=["free"], seeds=1, pretrain_epochs=0
    )
    project.run()
    status = project.rows().set_index("method")[["status", "test_accuracy", "reason"]]
    assert status.status.to_dict() == {"dense": "ok", "dense,lr=1e+30": "diverged", "switcher": "ok"}
    assert status.test_accuracy.isna().to_dict() == {"dense": False, "dense,lr=1e+30": True, "switcher": False}
    assert "loss" in status.reason["dense,lr=1e+30"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"datasets": ["digit"]}, "datasets[0]: unknown dataset 'digit'; allowed: cifar10, cifar100"),
        ({"methods": ["dense", "l11"]}, "methods[1].key: unknown method 'l11'; allowed: bn_scale, chip"),
        ({"epochs": -3}, "epochs: Input should be greater than 0, not -3"),
        ({"epoch": 3}, "epoch: unknown key; allowed: study, datasets"),
        ({"study": "../../tmp"}, "study: String should match pattern"),
        ({"targets": ["macs=1.5"]}, "targets[0]: unknown target 'macs=1.5'; allowed: macs=<fraction"),
    ],
)
def test_a_bad_config_is_one_error_before_any_job(new_project: Callable[..., Project], change: dict, said: str) -> None:
    project = new_project(**change)
    printed = project.run(succeeds=False)
    assert said in printed and "study.yaml" in printed
    assert "Traceback" not in printed
    assert not (project.root / "results").exists() and not (project.root / "data").exists()


def test_a_key_that_stands_twice_is_one_error_before_any_job(new_project: Callable[..., Project]) -> None:
    project = new_project()
    with (project.root / "study.yaml").open("a") as file:
        file.write("epochs: 50\n")
    printed = project.run("-n", succeeds=False)
    assert "study.yaml, line " in printed and "key 'epochs' stands there twice" in printed
    assert "Traceback" not in printed


def test_an_altered_data_file_is_named_with_both_sums(finished: Project) -> None:
    data = finished.root / "data/digits.safetensors"
    expected = data.with_suffix(".sha256").read_text().split()[0]
    blob = bytearray(data.read_bytes())
    blob[-1] ^= 1
    data.write_bytes(blob)
    finished.configure(seeds=3)
    printed = finished.run(succeeds=False)
    assert "data/digits.safetensors" in printed and f"expected sha256 {expected}" in printed and "found" in printed


def test_a_second_run_of_the_same_study_is_refused(finished: Project) -> None:
    finished.configure(seeds=3)
    folder = finished.root / "results/tiny"
    import fcntl

    with (Path(folder) / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert "is being written by another run" in finished.run(succeeds=False)


def test_networks_that_cannot_be_pruned_or_run_do_not_cost_the_others_their_rows(
    new_project: Callable[..., Project],
) -> None:
    few = {"methods": ["uniform"], "targets": ["macs=0.5"], "seeds": 1, "epochs": 1, "pretrain_epochs": 0}
    project = new_project(networks=["lenet5", "fixed", "broken"], **few)
    for name, mean in (("fixed", "x.view(-1, 8, 64).mean(2)"), ("broken", "x.view(-1, 5)")):
        (project.root / f"benchmarks/networks/{name}.py").write_text(NETWORK.format(mean=mean))
    project.run("--", "results/tiny/rows.csv")
    rows = project.rows().set_index("network")
    assert rows.status.replace("collapsed", "ok").to_dict() == {
        "lenet5": "ok", "fixed": "unsupported", "broken": "unsupported",
    }  # fmt: skip
    assert float(rows.test_accuracy["lenet5"]) > 0
    assert rows.reason["fixed"].startswith("Net has no channels that can be removed; first, for one: head (Linear): ")
    assert rows.reason["broken"] == "Net: shape '[-1, 5]' is invalid for input of size 2048"
