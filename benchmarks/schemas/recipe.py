"""How a network is trained on a dataset: the one recipe that all methods share."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, PositiveInt

Fraction = Annotated[float, Field(ge=0, lt=1)]


class Recipe(BaseModel):
    """SGD with Nesterov momentum; the learning rate warms up linearly and falls by a cosine to 0."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    lr: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    batch_size: PositiveInt
    momentum: Fraction
    weight_decay: Annotated[float, Field(ge=0, allow_inf_nan=False)]  # on weights of two or more dimensions
    warmup: Fraction  # fraction of the schedule
