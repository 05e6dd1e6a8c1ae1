"""A figure's SVG takes about half of what matplotlib writes, and shows the same."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import matplotlib.pyplot as plt
import pytest

from benchmarks.report.figures import style
from benchmarks.report.text.svg import compact


@pytest.fixture(scope="module")
def written() -> bytes:
    with style.drawing():
        figure, axes = plt.subplots()
        for i in range(60):
            axes.errorbar([i / 7], [i / 3], yerr=[0.3], marker="os^"[i % 3], label=f"<{i}> & more")
        axes.set_xlabel("MACs")
    return style.svg(figure).encode()


def texts(svg: bytes) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter() if element.tag.endswith("}text")]


def coordinates(svg: bytes) -> list[float]:
    paths = [element.get("d", "") for element in ElementTree.fromstring(svg).iter()]
    return [float(number) for path in paths for number in re.findall(r"-?\d+\.?\d*", path)]


def test_the_same_texts_marks_and_styles_in_fewer_bytes(written: bytes) -> None:
    small = compact(written)
    assert len(small) < 0.6 * len(written)
    assert texts(small) == texts(written) and "MACs" in texts(small)
    for tag in (b"<path", b"<use", b"<clipPath"):
        assert small.count(tag) == written.count(tag)
    sheet = re.findall(r"\.(s\d+)\{([^}]*)\}", small.decode())
    assert {style for _, style in sheet} == set(re.findall(r'style="([^"]*)"', written.decode()))
    assert {name for name, _ in sheet} == set(re.findall(r'class="(s\d+)"', small.decode()))


def test_what_is_named_is_still_there(written: bytes) -> None:
    small = compact(written).decode()
    named, ids = set(re.findall(r"#([\w-]+)[\")]", small)), set(re.findall(r' id="([^"]*)"', small))
    assert named and named <= ids


def test_coordinates_are_kept_to_a_hundredth(written: bytes) -> None:
    before, after = coordinates(written), coordinates(compact(written))
    assert before and after == pytest.approx(before, abs=0.0051)


def test_compact_twice_is_compact_once(written: bytes) -> None:
    assert len(compact(compact(written))) <= len(compact(written))
