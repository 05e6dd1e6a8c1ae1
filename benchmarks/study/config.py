"""The experiment: a config file becomes a validated study, and the study a grid of cells.

Nothing here imports torch: planning is done at every start of Snakemake.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from benchmarks import registry
from benchmarks.schemas.recipe import Recipe
from benchmarks.schemas.target import FREE, SPELLED, Target, cell_folder
from benchmarks.study import values
from benchmarks.study.cell import Cell
from benchmarks.study.messages import fault, shown
from benchmarks.study.method import Entry
from benchmarks.study.recipes import recipe

LONGEST = 200


class PerDataset(BaseModel):
    """What holds on one dataset in place of what the study says for all."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    networks: values.Networks | None = None
    epochs: values.Epochs | None = None
    pretrain_epochs: values.PretrainEpochs | None = None
    recipe: values.Settings = {}


class Study(BaseModel):
    """The config file; config/README.md describes each key."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    study: values.Name
    datasets: values.Datasets
    networks: values.Networks
    methods: values.Methods
    targets: values.Targets
    only: values.Only = {}
    seeds: values.Seeds
    epochs: values.Epochs
    pretrain_epochs: values.PretrainEpochs = 0
    retrain: Literal["inherit", "scratch"] = "inherit"
    schedule: Literal["continue", "restart"] = "continue"
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    align: Annotated[int, Field(strict=True, gt=0)] = 1
    split: Literal["fixed", "seed"] = "fixed"
    recipe: values.Settings = {}
    where: dict[str, PerDataset] = {}

    def on(self, dataset: str) -> Study:
        """The study as it is on this dataset."""
        changes = self.where.get(dataset, PerDataset()).model_dump(exclude_none=True)
        changes["recipe"] = self.recipe | changes.get("recipe", {})
        return self.model_copy(update=changes | {"datasets": [dataset]})

    def recipe_of(self, dataset: str, network: str) -> Recipe:
        """What all methods train a task with."""
        return recipe(dataset, network, self.on(dataset).recipe)

    def tasks(self) -> list[tuple[str, str]]:
        """Dataset and network, in the order of the config."""
        return [(dataset, network) for dataset in self.datasets for network in self.on(dataset).networks]

    def cells(self) -> Iterator[Cell]:
        """The grid, in the order of the config."""
        for dataset, network in self.tasks():
            for method in self.methods:
                for target in self.targets_of(method):
                    yield Cell(dataset, network, method, target)

    def matched(self) -> list[str]:
        """The labels of the methods whose MACs others match."""
        return [target.matched for target in self.targets if target.matched]

    def able(self, target: Target) -> list[str]:
        """The labels of the methods that can take a target."""
        return [method.label for method in self.methods if target.asks in registry.card(method.key).targets]

    def targets_of(self, method: Entry) -> list[Target]:
        """The study's targets for a method, of those that it can take. A method that can choose its own size also runs
        unconstrained if the study has no other target for it, or if others match it."""
        asks = registry.card(method.key).targets
        here = [target for target in self.targets if method.label in self.only.get(str(target), [method.label])]
        given = [t for t in here if t.asks in asks and t not in (FREE, Target.match(method.label))]
        unconstrained = FREE in here or method.label in self.matched() or not given
        return given + ([FREE] if FREE.asks in asks and unconstrained else [])

    @model_validator(mode="after")
    def check_datasets(self) -> Study:
        """`where` speaks of the study's own datasets and networks."""
        for dataset, changes in self.where.items():
            if dataset not in self.datasets:
                allowed = ", ".join(self.datasets)
                raise ValueError(f"where: {shown(dataset)} is no dataset of the study; allowed: {allowed}")
            if unknown := [network for network in changes.networks or [] if network not in self.networks]:
                allowed = ", ".join(self.networks)
                raise ValueError(f"where.{dataset}: {unknown[0]!r} is no network of the study; allowed: {allowed}")
        return self

    @model_validator(mode="after")
    def check_pretraining(self) -> Study:
        """Pretraining leaves epochs to the methods."""
        places = {f"where.{dataset}: ": self.on(dataset) for dataset in self.where}
        for place, study in {"": self, **places}.items():
            if study.pretrain_epochs >= study.epochs:
                found = f"{place}pretrain_epochs is {study.pretrain_epochs}"
                raise ValueError(f"{found}; allowed: less than epochs ({study.epochs})")
        return self

    @model_validator(mode="after")
    def check_batches(self) -> Study:
        """Every data set fills a batch."""
        for dataset, network in self.tasks():
            size, images = self.recipe_of(dataset, network).batch_size, registry.dataset_card(dataset).images[0]
            if size > images:
                allowed = f"at most {images:,}, the training images of {dataset}"
                raise ValueError(f"recipe: batch_size is {size}; allowed: {allowed}")
        return self

    @model_validator(mode="after")
    def check_matches(self) -> Study:
        """What is matched is a method of the study that can choose its own size."""
        free = self.able(FREE)
        for label in self.matched():
            if label not in free:
                allowed = ", ".join(str(Target.match(one)) for one in free) or "none in this study"
                unknown = shown(str(Target.match(label)))
                raise ValueError(f"targets: {unknown} matches no method of the study; allowed: {allowed}")
        return self

    @model_validator(mode="after")
    def check_only(self) -> Study:
        """`only` speaks of the study's own targets, and of methods that can take them."""
        targets = {str(target): target for target in self.targets}
        for spelled, labels in self.only.items():
            if spelled not in targets:
                raise ValueError(f"only: {shown(spelled)} is no target of the study; allowed: {', '.join(targets)}")
            can = self.able(targets[spelled])
            if unknown := [label for label in labels if label not in can]:
                allowed = ", ".join(can) or "none in this study"
                raise ValueError(f"only.{spelled}: {shown(unknown[0])} cannot be at this target; allowed: {allowed}")
        return self

    @model_validator(mode="after")
    def check_source_networks(self) -> Study:
        """A source network is one of every dataset; a source of several networks begins as one of fewer."""
        everywhere = [n for n in self.networks if all(n in self.on(dataset).networks for dataset in self.datasets)]
        for target in self.targets:
            if not target.sources:
                continue
            *earlier, last = target.sources
            if last not in everywhere:
                allowed = ", ".join(str(Target.source(network)) for network in everywhere) or "none"
                unknown = shown(str(Target.source(last)))
                raise ValueError(
                    f"targets: {unknown} is no network that all datasets of the study have; allowed: {allowed}"
                )
            if earlier and (needed := Target.source(*earlier)) not in self.targets:
                raise ValueError(f"targets: {shown(str(target))} needs {shown(str(needed))}, which is missing")
        return self

    @model_validator(mode="after")
    def check_methods(self) -> Study:
        """Each method has a target, a folder that file systems take, and the cells that its own begin from."""
        cells = [(method, self.targets_of(method)) for method in self.methods]
        folders = {cell_folder(method.label, target) for method, targets in cells for target in targets}
        for method, targets in cells:
            if not targets:
                needs = " or ".join(SPELLED[asks] for asks in registry.card(method.key).targets)
                raise ValueError(f"methods: {method.key} needs a target {needs}")
            for target in targets:
                if len(folder := cell_folder(method.label, target)) > LONGEST:
                    raise ValueError(f"methods: {shown(folder)} is the name of a folder; allowed: {LONGEST} characters")
                _, source = Cell("", "", method, target).reference or ("", "")
                if source and source not in folders:
                    raise ValueError(f"methods: {method.label} at {target} needs {source}, which is missing")
        return self


def parse(config: Mapping[str, Any], source: str) -> Study:
    """Validate a config. Raises ValueError: one message with every fault, its place and what is allowed."""
    try:
        return Study.model_validate(dict(config))
    except ValidationError as error:
        faults = []
        for one in error.errors():
            model = PerDataset if one["loc"][:1] == ("where",) else Study
            faults.append(f"  {fault(dict(one), model.model_fields)}")
        raise ValueError("\n".join([f"{source}:", *faults])) from None
