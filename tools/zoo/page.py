"""Write the table of docs/networks.md: `make docs`. It takes some minutes, since every network is traced and shrunk."""

from __future__ import annotations

import warnings

import torch

from benchmarks import registry
from tools.pages import filled
from tools.zoo.library import CLASSES, LIBRARY
from tools.zoo.small import SMALL
from tools.zoo.verdict import Verdict, judge

PAGE = registry.ROOT / "docs/networks.md"
PARTS = {"libraries": [*LIBRARY], "small": [*SMALL]}


def verdict(name: str) -> Verdict:
    """On one network of either part."""
    torch.manual_seed(0)
    if name in SMALL:
        return judge(SMALL[name](), torch.zeros(1, 1, 8, 8), 2, target=None)
    make, size = LIBRARY[name]
    return judge(make(), torch.zeros(1, 3, size, size), CLASSES)


def line(name: str, found: Verdict) -> str:
    """The network's row."""
    cells = (f"`{name}`", str(found.groups), found.verdict, found.reason)
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


def written() -> str:
    """The page as it has to be."""
    text = PAGE.read_text()
    for part, networks in PARTS.items():
        rows = [line(name, verdict(name)) for name in networks]
        head = ["| network | groups | verdict | reason |", "|---|---:|---|---|"]
        text = filled(text, part, "\n".join(head + rows))
    return text


if __name__ == "__main__":
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    PAGE.write_text(written())
