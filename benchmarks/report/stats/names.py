"""Which method is which: the examined one, the variant that stands for a key, and who has a colour in a large study."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pandas as pd

BASELINE = "dense"
SUBJECT = "switcher"
"""The key of the method that this suite was built to examine."""
CONTROLS = {"uniform": "a uniformly narrower network", "random": "random channels"}
"""Keys of the controls that any method has to beat at target MACs, and what they are; the first that ran stands."""
NULLS = ("signal=none", "signal=random")
"""Knobs of its two nulls: no gradient of the loss reaches what chooses the structure, or one of random sign does."""
NOISE = "input=noise"
"""The knob of its control that reads noise in place of weights."""
SLOTS = (
    "switcher", "uniform", "l1", "slimming", "soft_filter", "sss", "free_factor", "evolution", "random"
)  # fmt: skip
"""Keys of the well-known methods, which look the same in every study."""
COLOURED = 16
"""Methods up to which each has a look of its own. In a larger study those without a slot are grey."""


def plainest(key: str, labels: Iterable[str]) -> str | None:
    """The label that stands for a method: the key itself, else its variant with the fewest knobs set; None without one.

    A control sets one knob more than the variant that it controls, so that the control is never chosen.
    """
    variants = {label for label in labels if label.split(",")[0] == key}
    return min(variants, key=lambda label: (label.count(","), label), default=None)


def subject(rows: pd.DataFrame) -> str:
    """The label of the examined method in these rows; `SUBJECT`, which no row then has, if none of them is of it, if
    only its controls ran, or if several forms of it are equally plain."""
    labels = {label for label in rows["method"].unique() if not {*NULLS, NOISE}.intersection(label.split(","))}
    found = plainest(SUBJECT, labels) or SUBJECT
    other = plainest(SUBJECT, labels - {found})
    return SUBJECT if other and other.count(",") == found.count(",") else found


def with_knob(label: str, knob: str, labels: Iterable[str]) -> str | None:
    """The label among these that sets this knob and is otherwise the same; None without one."""
    wanted = {*label.split(","), knob}
    return next((other for other in sorted(set(labels)) if set(other.split(",")) == wanted), None)


def known(methods: Iterable[str]) -> list[str]:
    """Per slot the label that takes it: the plainest of its key, or the key itself where it is not among these."""
    names = set(methods)
    return [plainest(key, names) or key for key in SLOTS]


def background(methods: Iterable[str]) -> list[str]:
    """The methods that are drawn in grey, in alphabetical order: in a large study, all without a slot."""
    names = set(methods)
    return sorted(names - {BASELINE, *known(names)}) if len(names) > COLOURED else []


def few(methods: Iterable[str]) -> list[str]:
    """The methods to draw where each takes a line of its own: all that are not in the background."""
    names = set(methods)
    return sorted(names - set(background(names)))


def plain_names(labels: Iterable[str]) -> dict[str, str]:
    """A name for each label: its knobs in alphabetical order, without a learning rate that comes with another knob.

    Of knobs that the same labels set, the first whose value is a word stands for all. Labels that would have one name
    keep all their knobs.
    """
    parts = {label: label.split(",") for label in labels}
    users: dict[tuple[str, str], list[str]] = {}
    for label, (key, *knobs) in parts.items():
        for knob in knobs:
            users.setdefault((key, knob), []).append(label)
    short = {}
    for label, (key, *knobs) in parts.items():
        told = [knob for knob in knobs if not knob.startswith("lr=")] or knobs
        words = {tuple(users[key, knob]): knob for knob in reversed(told) if knob[-1].isalpha()}
        short[label] = ",".join([key, *sorted({words.get(tuple(users[key, knob]), knob) for knob in told})])
    counts = Counter(short.values())
    full = {label: ",".join([key, *sorted(knobs)]) for label, (key, *knobs) in parts.items()}
    return {label: short[label] if counts[short[label]] == 1 else full[label] for label in parts}
