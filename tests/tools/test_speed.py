"""From what pytest-benchmark writes to the published numbers, table and figure of speed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speed import publish

BEGIN, END = "<!-- speed: begin -->", "<!-- speed: end -->"
RATIO = "our speed / speed of the peers' loop"


def benchmark(name: str, seconds: dict[str, float], **ratios: tuple[list[float], str]) -> dict[str, Any]:
    result = {
        label: {"median": sorted(rounds)[len(rounds) // 2], "rounds": rounds, "target": target}
        for label, (rounds, target) in ratios.items()
    }
    stats = {"median": 0.25, "data": [0.3, 0.2, 0.25]}
    return {"name": name, "extra_info": result | ({"seconds": seconds} if seconds else {}), "stats": stats}


RAW = {
    "datetime": "2031-02-03T04:05:06+00:00",
    "commit_info": {"author": "nobody's business"},
    "machine_info": {
        "node": "a-name-of-a-host",
        "cpu": {"count": 4, "flags": ["avx"]},
        "python_version": "3.11.7",
        "device": "A Chip",
        "kind": "cpu",
        "torch": "2.13.0",
    },
    "benchmarks": [
        benchmark(
            "test_training[resnet20]",
            {"ours": 1.0, "peer": 2.5},
            **{RATIO: ([2.6, 2.4, 2.5], ">= 3.3"), "loader / step": ([0.01, 0.012, 0.011], "<= 0.02")},
        ),
        benchmark(
            "test_target[vgg16]", {"whole": 0.2}, **{"distance": ([0.004], "<= 0.02"), "free": ([3.0, 4.0, 5.0], "")}
        ),
        benchmark("test_planning", {}),
    ],
}


def test_what_is_kept_is_the_machine_and_the_numbers() -> None:
    result = publish.reduced(RAW)
    assert [result[name] for name in ("date", "device", "cores", "torch")] == ["2031-02-03", "A Chip", 4, "2.13.0"]
    first = {"benchmark": "training, resnet20", "label": RATIO, "median": 2.5, "low": 2.4, "high": 2.6, "n": 3}
    assert result["lines"][0] == first | {"target": ">= 3.3"}
    assert result["seconds"]["training, resnet20"] == {"ours": 1.0, "peer": 2.5}
    assert not [word for word in ("nobody", "a-name", "avx") if word in json.dumps(result)]


def test_a_benchmark_without_a_ratio_is_given_in_seconds() -> None:
    line = publish.reduced(RAW)["lines"][-1]
    assert (line["benchmark"], line["label"], line["median"], line["n"]) == ("planning", "seconds", 0.25, 3)


@given(median=st.floats(1e-3, 1e3), bound=st.integers(1, 1000).map(lambda n: n / 100))
def test_a_target_is_met_on_its_side(median: float, bound: float) -> None:
    assert publish.met({"median": median, "target": f">= {bound}"}) == (median >= bound)
    assert publish.met({"median": median, "target": f"<= {bound}"}) == (median <= bound)
    assert publish.met({"median": median, "target": ""}) is None


def test_the_table_says_which_targets_are_missed() -> None:
    rows = [
        row.strip("| ").split(" | ") for row in publish.table(publish.reduced(RAW)).splitlines() if row.startswith("|")
    ]
    assert rows[2] == ["training, resnet20", RATIO, "2.5", "2.4 to 2.6", "3", ">= 3.3", "no"]
    assert rows[3][-2:] == ["<= 0.02", "yes"]
    assert {len(row) for row in (rows[2], rows[3])} == {7} and len(rows) == 2 + 5
    text = publish.table(publish.reduced(RAW))
    assert "on A Chip, one of 4 cores, with torch 2.13.0" in text and "Not run on a GPU" in text
    gpu = RAW | {"machine_info": RAW["machine_info"] | {"kind": "cuda", "device": "A GPU"}}  # type: ignore[operator]
    assert "on A GPU, with" in (text := publish.table(publish.reduced(gpu))) and "Not run" not in text


def test_the_figure_has_a_point_for_every_ratio_and_looks_apart_where_a_target_is_missed() -> None:
    (axes,) = publish.figure(publish.reduced(RAW)).axes
    points = {float(line.get_xdata()[0]): line for line in axes.lines if line.get_marker() in ("o", "D")}  # type: ignore[index,arg-type]
    assert set(points) == {2.5, 0.011, 4.0}, "timed in rounds; neither one exact value nor seconds"
    assert [points[x].get_markerfacecolor() for x in (2.5, 0.011)] == ["white", "black"]
    assert points[4.0].get_marker() == "D"
    bounds = {float(line.get_xdata()[0]) for line in axes.lines if line.get_marker() == "|"}  # type: ignore[index,arg-type]
    assert bounds == {3.3, 0.02}
    assert axes.get_yticklabels()[-1].get_text() == f"training, resnet20: {RATIO}", "read from the top, as the table"


def test_the_page_is_written_between_its_marks_and_nowhere_else() -> None:
    result = publish.reduced(RAW)
    before = f"# A\n\nkept\n{BEGIN}\nold\n{END}\nkept too\n"
    after = publish.written(before, result)
    assert after.startswith(f"# A\n\nkept\n{BEGIN}\n") and after.endswith(f"{END}\nkept too\n")
    assert "old" not in after and publish.table(result, with_target=True) in after
    assert "| free |" in publish.table(result) and "| free |" not in after, "has no target"
    assert publish.written(after, result) == after
    assert publish.written("# no marks\n", result) == "# no marks\n"


def test_one_command_writes_it_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "raw.json").write_text(json.dumps(RAW))
    (tmp_path / "page.md").write_text(f"{BEGIN}\n{END}\n")
    paths = [str(tmp_path / name) for name in ("raw.json", "out")]
    monkeypatch.setattr(sys, "argv", ["speed", *paths, "--page", str(tmp_path / "page.md")])
    publish.main()
    suffixes = {path.name for path in (tmp_path / "out").iterdir()}
    assert suffixes == {f"speed.{suffix}" for suffix in ("json", "md", "txt", "svg", "png")}
    assert json.loads((tmp_path / "out/speed.json").read_text()) == publish.reduced(RAW)
    assert (tmp_path / "out/speed.md").read_text() == publish.table(publish.reduced(RAW))
    assert RATIO in (tmp_path / "page.md").read_text()
    assert "training, resnet20" in capsys.readouterr().out
