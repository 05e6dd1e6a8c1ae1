"""Which method is which: the examined one, the variant that stands for a key, and who stands out in a large study."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

BASELINE = "dense"
SUBJECT = "switcher"
"""The key of the method that this suite was built to examine."""
SLOTS = (
    "switcher", "uniform", "l1", "slimming", "soft_filter", "sss", "free_factor", "evolution", "random"
)  # fmt: skip
"""Keys of the well-known methods, which look the same in every study."""
CROWD = 16
"""Methods up to which each has a look of its own. In a larger study those without a slot are a crowd."""


def plainest(key: str, labels: Iterable[str]) -> str | None:
    """Of these labels the method's own, else that of its variant with the fewest knobs set, in which a control has one
    more; None without either."""
    variants = {label for label in labels if label.split(",")[0] == key}
    return min(variants, key=lambda label: (label.count(","), label), default=None)


def subject(rows: pd.DataFrame) -> str | None:
    """The label of the examined method in these rows, or None."""
    return plainest(SUBJECT, rows["method"])


def known(methods: Iterable[str]) -> list[str]:
    """Per slot the label that takes it: the plainest of its key, or the key itself where it is not among these."""
    names = set(methods)
    return [plainest(key, names) or key for key in SLOTS]


def crowd(methods: Iterable[str]) -> list[str]:
    """Those that share one look, in alphabetical order: in a large study, all without a slot."""
    names = set(methods)
    return sorted(names - {BASELINE, *known(names)}) if len(names) > CROWD else []


def few(methods: Iterable[str]) -> list[str]:
    """The methods to draw where each takes a line of its own: all but the crowd."""
    names = set(methods)
    return sorted(names - set(crowd(names)))
