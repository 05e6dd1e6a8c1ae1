"""Everything that a job must know of its cell: what the workflow hands to the trainer."""

from __future__ import annotations

import hashlib
from typing import Any

from pydantic import BaseModel, ConfigDict

from benchmarks.schemas.recipe import Recipe
from benchmarks.schemas.target import Spelled


class Spec(BaseModel):
    """A cell, or the shared start of a dataset and network (method "start"), written out in full."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    study: str
    dataset: str
    network: str
    method: str
    label: str
    knobs: dict[str, Any]  # defaults included
    target: Spelled
    seeds: list[int]
    epochs: int
    pretrain_epochs: int
    retrain: str
    schedule: str
    precision: str
    align: int = 1
    split: str = "fixed"
    recipe: Recipe
    code_hash: str

    @property
    def config_hash(self) -> str:
        """12 digits of sha256 over the settings that can change a seed's numbers."""
        own = {"study", "label", "seeds", "code_hash"}
        # A setting that came later is left out at its default, so that rows from before it keep their hash.
        later = {name for name, field in type(self).model_fields.items() if getattr(self, name) == field.default}
        settings = self.model_dump_json(exclude=own | later)
        return hashlib.sha256(settings.encode()).hexdigest()[:12]
