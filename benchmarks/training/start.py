"""What a seed of a cell starts from: the shared start, its target MACs, and what it transfers."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from torch import nn

from benchmarks.schemas.runs import Run, Tensors, load
from benchmarks.schemas.spec import Spec
from benchmarks.training.network import load_tensors
from benchmarks.training.trainer import Trainer


@dataclass(frozen=True)
class Inputs:
    """What a seed starts from."""

    seed: int
    start: Run | None = None  # the shared start; None: the initialisation
    target: float | None = None  # fraction of the dense MACs to keep; None: the method chooses
    transferred: Tensors = field(default_factory=dict)  # what the source method saved
    refused: str | None = None  # why this seed cannot run


def inputs_of(spec: Spec, start: Path | None, reference: Path | None) -> list[Inputs]:
    """One for every seed.

    start, reference: folders of the shared start, and of the cell whose MACs are matched or that is the source.
    """
    starts, references = (load(folder) if folder else {} for folder in (start, reference))
    return [
        _inputs(spec, seed, starts[seed] if start else None, references[seed] if reference else None)
        for seed in spec.seeds
    ]


def _inputs(spec: Spec, seed: int, start: Run | None, reference: Run | None) -> Inputs:
    if reference and not reference.record.has_network:
        return Inputs(seed, start, refused=f"the run that {spec.target} refers to is {reference.record.status}")
    if start and start.record.status != "ok":
        return Inputs(seed, refused=f"the shared start {start.record.status}: {start.record.reason}")
    if reference and spec.target.matched:
        kept, dense = reference.record.macs, reference.record.macs_dense
        assert kept and dense
        return Inputs(seed, start, target=kept / dense)
    if reference and spec.target.sources:
        return Inputs(seed, start, transferred=reference.weights.transfer)
    return Inputs(seed, start, target=spec.target.fraction)


def resume(start: Run, net: nn.Module, trainer: Trainer) -> None:
    """Go on from the shared start: its weights, its momentum, its place in the schedule and its cost."""
    device = next(net.parameters()).device
    load_tensors(net, start.weights.net)
    momentum = {name: tensor.to(device) for name, tensor in start.weights.momentum.items()}
    trainer.resume(momentum, start.record.spent)
