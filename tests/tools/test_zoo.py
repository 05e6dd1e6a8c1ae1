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
PRUNED = re.compile(
    "torchvision (squeezenet1_1|mobilenet_v3_small|regnet_y_400mf|efficientnet_b0|resnext50_32x4d|inception_v3|"
    "convnext_tiny|densenet121)|timm (fbnetc_100|dla34|hrnet_w18_small|resnest14d|resnet10t|poolformer_s12|deit_tiny.*|"
    "mixer_s32.*|repvgg_a0|ese_vovnet19b_dw|ghostnet_050)"
)


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
    assert [sum(name.startswith(library) for name in LIBRARY) for library in ("torchvision ", "timm ")] == [30, 16]
    assert sum("| pruned |" in BY_NAME[name] for name in LIBRARY) >= 36
    must = [name for name in LIBRARY if PRUNED.fullmatch(name)]
    assert len(must) == 19 and all("| pruned |" in BY_NAME[name] for name in must)
