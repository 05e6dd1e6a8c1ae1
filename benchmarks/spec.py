"""Everything that a job must know of its cell: what the workflow hands to the trainer."""

from __future__ import annotations

import hashlib
from typing import Any

from pydantic import BaseModel, ConfigDict

from benchmarks import registry
from benchmarks.recipe import Recipe, recipe
from benchmarks.study import Cell, Study


class Spec(BaseModel):
    """A cell, or the shared start of a dataset and network (method "start"), written out in full."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    study: str
    dataset: str
    network: str
    method: str
    label: str
    knobs: dict[str, Any]  # defaults included
    target: str
    seeds: list[int]
    epochs: int
    pretrain_epochs: int
    retrain: str
    schedule: str
    precision: str
    align: int = 1
    recipe: Recipe
    code_hash: str

    @property
    def fraction(self) -> float | None:
        """Of the dense MACs that the method is told to keep, where the target itself says it."""
        return float(self.target.removeprefix("macs=")) if self.target.startswith("macs=") else None

    @property
    def config_hash(self) -> str:
        """12 digits of sha256 over the settings that can change a seed's numbers."""
        own = {"study", "label", "seeds", "code_hash"}
        # A setting that came later is left out at its default, so that rows from before it keep their hash.
        settings = self.model_dump_json(exclude=own | ({"align"} if self.align == 1 else set()))
        return hashlib.sha256(settings.encode()).hexdigest()[:12]


def start_spec(study: Study, dataset: str, network: str) -> Spec:
    """The shared start; it does not depend on `retrain` or `align`."""
    modules = ["benchmarks.run", *_measured(dataset, network)]
    return Spec(
        **_common(study, dataset, network, modules) | {"retrain": "inherit", "align": 1},
        method="start",
        label="start",
        knobs={},
        target="free",
    )


def cell_spec(study: Study, cell: Cell) -> Spec:
    """A cell of the study's grid."""
    key = cell.entry.key
    modules = ["benchmarks.run", f"methods.{key}", *_measured(cell.dataset, cell.network)]
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
        "recipe": recipe(dataset, network),
        "code_hash": registry.source_hash(*modules),
    }
