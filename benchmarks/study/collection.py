"""A collection: several finished studies, of different times and machines, as one report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from benchmarks.study import config
from benchmarks.study.config import Study
from benchmarks.study.messages import fault, shown
from benchmarks.study.values import Name, distinct


class Collection(BaseModel):
    """The config file of a collection. Nothing of it is trained, so that it has no tasks and no cells."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    study: Name
    studies: Annotated[list[Name], Field(min_length=2), AfterValidator(distinct)]

    @model_validator(mode="after")
    def check_studies(self) -> Collection:
        """A collection is none of its own studies."""
        if self.study in self.studies:
            raise ValueError(f"studies: {shown(self.study)} is the collection itself")
        return self


def parse(given: Mapping[str, Any], source: str) -> Study | Collection:
    """Validate a config, of a collection where it has the key `studies`; see `config.parse`."""
    if "studies" not in given:
        return config.parse(given, source)
    try:
        return Collection.model_validate(dict(given))
    except ValidationError as error:
        faults = [f"  {fault(dict(one), Collection.model_fields)}" for one in error.errors()]
        raise ValueError("\n".join([f"{source}:", *faults])) from None
