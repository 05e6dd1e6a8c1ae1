"""A figure's SVG takes about a third of what matplotlib writes, and shows the same."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import matplotlib.pyplot as plt
import numpy as np
import pytest

from benchmarks.report.figures import style
from benchmarks.report.text.svg import compact, relative


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


def corners(svg: bytes) -> list[tuple[float, float]]:
    """Every point of every path that is drawn, in points from the origin."""
    found = []
    for path in [element.get("d", "") for element in ElementTree.fromstring(svg).iter()]:
        drawn, x, y = [], 0.0, 0.0
        for command, text in re.findall(r"([A-Za-z])([^A-Za-z]*)", path):
            values = [float(number) for number in re.findall(r"-?\d*\.?\d+", text)]
            pairs = {"h": [(v, 0.0) for v in values], "v": [(0.0, v) for v in values]}.get(command)
            pairs = list(zip(values[::2], values[1::2], strict=True)) if pairs is None else pairs
            pairs = [(x + dx, y + dy) for dx, dy in pairs] if command.islower() else pairs
            drawn += pairs
            x, y = pairs[-1] if pairs else (x, y)
        found += drawn if len(drawn) > 1 else []
    return found


def test_the_same_texts_marks_and_styles_in_fewer_bytes(written: bytes) -> None:
    small = compact(written)
    assert len(small) < 0.45 * len(written)
    assert texts(small) == texts(written) and "MACs" in texts(small)
    for tag in (b"<use", b"<clipPath"):
        assert small.count(tag) == written.count(tag)
    alone = [path for path in re.findall(rb'<path d="([^"]*)"', written) if path.count(b"L") + path.count(b"C") == 0]
    assert len(alone) == 60 and small.count(b"<path") == written.count(b"<path") - 60, "paths of a point are invisible"
    sheet = re.findall(r"\.(s\d+)\{([^}]*)\}", small.decode())
    assert {style for _, style in sheet} < set(re.findall(r'style="([^"]*)"', written.decode()))
    assert {name for name, _ in sheet} == set(re.findall(r'class="(s\d+)"', small.decode()))


def test_what_is_named_is_still_there(written: bytes) -> None:
    small = compact(written).decode()
    named, ids = set(re.findall(r"#([\w-]+)[\")]", small)), set(re.findall(r' id="([^"]*)"', small))
    assert named and named <= ids


def test_coordinates_are_kept_to_a_hundredth(written: bytes) -> None:
    before, after = (np.array(corners(svg)) for svg in (written, compact(written)))
    assert len(before) > 200 and after == pytest.approx(before, abs=0.0051)


def test_errors_of_rounding_do_not_add_up() -> None:
    path = (
        "M 0 0 " + " ".join(f"L {i * 0.3333} {i % 2 * 0.4444}" for i in range(1, 1000)) + " Q 1 1 2 2 C 1 2 3 4 5 6 z"
    )
    written = f'<svg xmlns="http://www.w3.org/2000/svg"><path d="{path}" id="a"/></svg>'.encode()
    small = compact(written)
    assert np.array(corners(small)) == pytest.approx(np.array(corners(written)), abs=0.0051)
    assert small.count(b"L") == 0 and len(small) < 0.7 * len(written)


def test_a_path_with_other_commands_stays_as_it_is() -> None:
    for path in ("M1.239 2A3 3 0 0 1 4 4", "M1.239 2 3 4", "M1.239 2l3 4"):
        assert relative(path) == path


def test_neighbours_of_one_clip_path_share_it() -> None:
    one, other = (f'<path d="M0 0L{i} 5" clip-path="url(#{name})"/>' for i, name in ((3, "a"), (4, "b")))
    clips = "".join(f'<clipPath id="{name}"/>' for name in "ab")
    small = compact(f'<svg xmlns="http://www.w3.org/2000/svg">{clips}{one}{one}{other}</svg>'.encode()).decode()
    assert re.findall(r'<(g|path)[^>]*clip-path="url\(#(\w+)\)"', small) == [("g", "i0"), ("path", "i1")]


def test_compact_twice_is_compact_once(written: bytes) -> None:
    assert len(compact(compact(written))) <= len(compact(written))
