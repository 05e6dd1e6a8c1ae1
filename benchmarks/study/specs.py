"""Everything that a job must know of its cell: what the workflow hands to the trainer."""

from __future__ import annotations

from typing import Any

from benchmarks import registry
from benchmarks.schemas.spec import Spec
from benchmarks.schemas.target import FREE
from benchmarks.source_hash import source_hash
from benchmarks.study.cell import Cell
from benchmarks.study.config import Study


def start_spec(study: Study, dataset: str, network: str) -> Spec:
    """The shared start; it does not depend on `retrain` or `align`."""
    modules = ["benchmarks.train", *_measured(dataset, network)]
    return Spec(
        **_common(study, dataset, network, modules) | {"retrain": "inherit", "align": 1},
        method="start",
        label="start",
        knobs={},
        target=FREE,
    )


def cell_spec(study: Study, cell: Cell) -> Spec:
    """A cell of the study's grid."""
    key = cell.entry.key
    modules = ["benchmarks.train", f"methods.{key}", *_measured(cell.dataset, cell.network)]
    return Spec(
        **_common(study, cell.dataset, cell.network, modules),
        method=key,
        label=cell.entry.label,
        knobs=registry.card(key).knobs | cell.entry.knobs,
        target=cell.target,
    )


def _measured(dataset: str, network: str) -> list[str]:
    return [f"benchmarks.datasets.{dataset}", f"benchmarks.networks.{network}"]


def _common(study: Study, dataset: str, network: str, modules: list[str]) -> dict[str, Any]:
    study = study.on(dataset)
    return {
        "study": study.study,
        "dataset": dataset,
        "network": network,
        "seeds": study.seeds,
        "epochs": study.epochs,
        "pretrain_epochs": study.pretrain_epochs,
        "retrain": study.retrain,
        "schedule": study.schedule,
        "precision": study.precision,
        "align": study.align,
        "split": study.split,
        "recipe": study.recipe_of(dataset, network),
        "code_hash": source_hash(*modules),
    }
