"""A cell: one job of the grid."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks import registry
from benchmarks.schemas.target import FREE, Target, cell_folder
from benchmarks.study.method import Entry


@dataclass(frozen=True)
class Cell:
    """One job of the grid: every seed of a method at a target, on a dataset and a network."""

    dataset: str
    network: str
    entry: Entry
    target: Target

    @property
    def folder(self) -> str:
        return cell_folder(self.entry.label, self.target)

    @property
    def reference(self) -> tuple[str, str] | None:
        """Network and folder of the cell that this one reads: the one whose MACs it matches, or its source."""
        if self.target.matched:
            return self.network, cell_folder(self.target.matched, FREE)
        if self.target.sources:
            *earlier, network = self.target.sources
            target = Target.source(*earlier) if earlier else FREE
            return network, cell_folder(source_of(self.entry.key, self.target).label, target)
        return None


def source_of(key: str, target: Target) -> Entry:
    """The method, with its knobs, that a method transfers from: its source method, or, where the target has several
    networks, itself with the knobs with which it learns on."""
    card = registry.card(key)
    if len(target.sources) > 1:
        return Entry(key=key, knobs=card.continues)
    ((name, knobs),) = card.source.items()
    return Entry(key=name, knobs=knobs)
