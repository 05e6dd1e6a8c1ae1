"""docs/networks.md: every row is what happens, and most networks of the libraries are pruned."""

from __future__ import annotations

import re
import time
import warnings

import pytest

from tools.zoo.library import LIBRARY
from tools.zoo.page import PAGE, line, verdict
from tools.zoo.small import SMALL

ROWS = re.findall(r"^(\| `(.+)` \| .*)$", PAGE.read_text(), flags=re.M)
BY_NAME = {name: row for row, name in ROWS}


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", [*LIBRARY, *SMALL])
def test_a_network_is_pruned_rightly_or_refused_in_one_sentence(name: str) -> None:
    began = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = verdict(name)
    assert time.process_time() - began < 60
    assert line(name, found) == BY_NAME[name]
    assert bool(found.reason) == (found.verdict != "pruned")


def test_the_page_has_every_network_and_most_are_pruned() -> None:
    assert BY_NAME.keys() == {*LIBRARY, *SMALL}
    assert [sum(name.startswith(library) for name in LIBRARY) for library in ("torchvision ", "timm ")] == [30, 15]
    assert sum("| pruned |" in BY_NAME[name] for name in LIBRARY) >= 36
