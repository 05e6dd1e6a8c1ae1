"""What `make speed` has measured, for publishing: the numbers, a table, a figure, and their part of docs/speed.md."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from benchmarks.machine.files import write_atomically
from benchmarks.report.figures import panels, style
from tools.pages import filled

ROW = 0.19  # inches of a ratio in the figure
LOOKS = {  # is the target met? -> marker and filling, which grey leaves apart
    True: ("o", "black", "target met"),
    False: ("o", "white", "target not met"),
    None: ("D", style.GREY, "no target"),
}
Line = dict[str, Any]


def reduced(raw: dict[str, Any]) -> dict[str, Any]:
    """Of the file that pytest-benchmark writes, what is kept: machine, date, ratios, and medians of every run."""
    machine = raw["machine_info"]
    return {
        "date": raw["datetime"][:10],
        "device": machine["device"],
        "kind": machine["kind"],
        "cores": machine["cpu"]["count"],
        "torch": machine["torch"],
        "python": machine["python_version"],
        "lines": [line for one in raw["benchmarks"] for line in lines(one)],
        "seconds": {title(one["name"]): one["extra_info"].get("seconds", {}) for one in raw["benchmarks"]},
    }


def lines(one: dict[str, Any]) -> Iterator[Line]:
    """Of a benchmark: its ratios; where it has none, its own seconds."""
    ratios = {label: ratio for label, ratio in one["extra_info"].items() if label != "seconds"}
    for label, ratio in (ratios or {"seconds": {"rounds": one["stats"]["data"], "target": ""}}).items():
        rounds = sorted(ratio["rounds"])
        median = ratio.get("median", one["stats"]["median"])
        line = {"benchmark": title(one["name"]), "label": label, "median": median}
        yield line | {"low": rounds[0], "high": rounds[-1], "n": len(rounds), "target": ratio["target"]}


def title(name: str) -> str:
    """test_training[resnet20] -> training, resnet20."""
    return re.sub(r"\[(.*)\]", r", \1", name.removeprefix("test_")).replace("_", " ")


def met(line: Line) -> bool | None:
    """Whether the median is at or beyond the target; None where there is none."""
    if not (found := re.match(r"(<=|>=) *([\d.]+)", line["target"])):
        return None
    sign, bound = found[1], float(found[2])
    return bool(line["median"] <= bound if sign == "<=" else line["median"] >= bound)


def table(results: dict[str, Any], *, with_target: bool = False) -> str:
    """In Markdown, with a sentence about the machine; of all lines, or of those with a target."""
    rows = ["| benchmark | ratio | median | range | n | target | met |", "|---|---|---|---|---|---|---|"]
    for line in results["lines"]:
        if with_target and not line["target"]:
            continue
        spread = f"{line['low']:.3g} to {line['high']:.3g}" if line["n"] > 1 else ""
        said = {True: "yes", False: "no", None: ""}[met(line)]
        cells = [line["benchmark"], line["label"], f"{line['median']:.3g}", spread, line["n"], line["target"], said]
        rows.append(f"| {' | '.join(map(str, cells))} |")
    where = f"{results['device']}, one of {results['cores']} cores" if results["kind"] == "cpu" else results["device"]
    machine = f"Measured on {where}, with torch {results['torch']} and Python {results['python']}"
    elsewhere = " Not run on a GPU." if results["kind"] == "cpu" else ""
    return "\n".join(rows) + f"\n\n{machine}, {results['date']}; float32 unless stated.{elsewhere}\n"


def figure(results: dict[str, Any]) -> Figure:
    """A line for every ratio that was timed, on a logarithmic axis: range, median and target."""
    shown = [line for line in results["lines"] if line["n"] > 1 and line["label"] != "seconds"][::-1]
    with style.drawing():
        drawn = Figure(figsize=(2 * style.COLUMN, ROW * len(shown) + 0.5), layout="constrained")
        axes = drawn.subplots()
        axes.set_xscale("log")
        axes.axvline(1, color="0.4", linewidth=0.6)
        for y, line in enumerate(shown):
            marker, filling, _ = LOOKS[met(line)]
            axes.plot([line["low"], line["high"]], [y, y], color="0.5", linewidth=1.2)
            axes.plot(line["median"], y, marker, markerfacecolor=filling, markeredgecolor="black", markersize=5)
            if met(line) is not None:
                bound = float(line["target"].split()[-1])
                axes.plot(bound, y, "|", color="black", markersize=9)
                facing = ">" if line["target"].startswith(">") else "<"
                axes.plot(bound, y, facing, color="black", markersize=2.5)
        axes.set_yticks(range(len(shown)), [f"{line['benchmark']}: {line['label']}" for line in shown])
        axes.set_ylim(-0.6, len(shown) - 0.4)
        axes.set_xlabel("ratio (logarithmic)")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.grid(visible=False, axis="y")
        handles = [
            Line2D([], [], marker=marker, markerfacecolor=filling, markeredgecolor="black", linestyle="", label=label)
            for marker, filling, label in LOOKS.values()
        ]
        handles.append(
            Line2D([], [], marker="|", color="black", linestyle="", markersize=9, label="target, and its side")
        )
        drawn.draw_without_rendering()
        panels.legend(drawn, handles)
    return drawn


CAPTION = (
    "Ratios of times or of speeds within one run, the things compared taking turns: point, median over rounds; line, "
    "smallest to largest; bar, target, with a small triangle to the side on which it is met."
)


def written(page: str, results: dict[str, Any]) -> str:
    """The page with the figure and the lines that have a target between its marks."""
    picture = "![Ratios of our speed to that of other ways](../results/published/speed/speed.png)"
    return filled(page, "speed", f"{picture}\n\n{table(results, with_target=True).rstrip()}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("raw", type=Path, help="what pytest --benchmark-json wrote")
    parser.add_argument("out", type=Path)
    parser.add_argument("--page", type=Path, help="docs/speed.md")
    asked = parser.parse_args()
    results = reduced(json.loads(asked.raw.read_text()))
    style.save(figure(results), CAPTION, asked.out / "speed", ["svg", "png"])
    write_atomically(asked.out / "speed.json", (json.dumps(results, indent=1) + "\n").encode())
    write_atomically(asked.out / "speed.md", table(results).encode())
    if asked.page:
        write_atomically(asked.page, written(asked.page.read_text(), results).encode())
    print(table(results))


if __name__ == "__main__":
    main()
