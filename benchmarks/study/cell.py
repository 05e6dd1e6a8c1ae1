"""A cell: one job of the grid."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks import registry
from benchmarks.study.method import Entry


@dataclass(frozen=True)
class Cell:
    """One job of the grid: every seed of a method at a target, on a dataset and a network."""

    dataset: str
    network: str
    entry: Entry
    target: str

    @property
    def folder(self) -> str:
        return f"{self.entry.label}@{self.target}"

    @property
    def reference(self) -> tuple[str, str] | None:
        """Network and folder of the cell that this one needs: whose MACs it matches, or whose learner it takes over."""
        kind, _, told = self.target.partition(":")
        if kind == "match":
            return self.network, f"{told}@free"
        if kind == "from":
            before, _, last = told.rpartition("+")
            return last, f"{taken_from(self.entry.key, before).label}@{f'from:{before}' if before else 'free'}"
        return None


def taken_from(key: str, before: str) -> Entry:
    """The method, with its knobs, whose learner a method takes over: its teacher, or, where the learner has been on
    networks before that, its own heir."""
    card = registry.card(key)
    if before:
        return Entry(key=key, knobs=card.heir)
    ((name, knobs),) = card.teacher.items()
    return Entry(key=name, knobs=knobs)
