"""One look for every figure: readable at column width, in grey and by the colour-blind; the same bytes each time."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Literal, NamedTuple

from matplotlib.figure import Figure
from matplotlib.layout_engine import PlaceHolderLayoutEngine
from matplotlib.style import context

from benchmarks.report.stats.names import BASELINE, background, known
from benchmarks.report.text.svg import compact

COLUMN = 3.4
"""Width of a panel in inches: one column of a two-column page."""

RC: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # ships with matplotlib, so that every machine sets the same text
    "font.size": 7,
    "axes.titlesize": 8,
    "axes.titlelocation": "left",
    "axes.labelsize": 7.5,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.formatter.useoffset": False,
    "axes.grid": True,
    "grid.color": "0.92",
    "grid.linewidth": 0.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 7,
    "legend.handletextpad": 0.3,
    "legend.columnspacing": 1.2,
    "lines.linewidth": 0.8,
    "lines.markersize": 4.2,
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
    "svg.hashsalt": "espalier",
    "text.parse_math": False,  # a name with two dollar signs is a name
}
UNDATED = {
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "svg": {"Date": None, "Creator": None},
    "png": {"Software": None},
}

# Okabe and Ito's colours, violet, brown and grey in place of yellow, which vanishes on white, and of black, which is
# the dense network's.
COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#6A51A3", "#7F4A1E", "#757575")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h")
LINES: tuple[Literal["-", "--", "-.", ":"], ...] = ("-", "--", "-.", ":")
GREY = "0.65"
"""Of methods in the background of a large study."""


class Look(NamedTuple):
    """How a method is drawn, in every figure."""

    color: str
    marker: str
    linestyle: Literal["-", "--", "-.", ":"]

    @property
    def grey(self) -> bool:
        """It is one of many in the background of a large study."""
        return self.color == GREY


def looks(methods: Iterable[str]) -> dict[str, Look]:
    """The look of each method. Well-known ones have fixed slots, others the next free ones in alphabetical order.

    Of a method that ran with knobs alone (`l1,ranking=global`), the plainest label takes the slot of its key. Colours
    and markers have coprime counts, so that no two methods look alike; in a large study those without a slot do.
    """
    names = set(methods)
    grey = background(names)
    fixed = {i: name for i, name in enumerate(known(names)) if name in names}
    free = (i for i in itertools.count() if i not in fixed)
    others = sorted(names - {BASELINE, *fixed.values(), *grey})
    slots = fixed | dict(zip(free, others, strict=False))
    found = dict.fromkeys(grey, Look(GREY, ".", "-"))
    found |= {name: _slot(i) for i, name in slots.items()}
    return found | {BASELINE: Look("black", "*", "--")}


def _slot(i: int) -> Look:
    return Look(COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)], LINES[i % len(LINES)])


def drawing() -> AbstractContextManager[None]:
    """Matplotlib's settings for drawing and for saving; nothing outside it changes."""
    return context(["default", RC])


def svg(figure: Figure) -> str:
    """The figure as SVG."""
    file = io.StringIO()
    with drawing():
        figure.savefig(file, format="svg", metadata=UNDATED["svg"])
    return file.getvalue()


def save(figure: Figure, caption: str, stem: str | Path, formats: Iterable[str] = tuple(UNDATED)) -> None:
    """Write stem.pdf, stem.svg, stem.png (200 dpi), or those of them asked for, and stem.txt, the caption."""
    stem = Path(stem)
    stem.parent.mkdir(parents=True, exist_ok=True)
    with drawing():
        # Laid out once for all formats, if it is not yet; the layout of a large figure takes as long as drawing it.
        if not isinstance(figure.get_layout_engine(), PlaceHolderLayoutEngine):
            figure.draw_without_rendering()
        # For a figure with an engine, be it one that does nothing, each format would be drawn twice.
        figure.set_layout_engine(None)
        for suffix in formats:
            # Appended by hand: with_suffix would cut a stem such as "macs=0.5" at its point.
            figure.savefig(f"{stem}.{suffix}", dpi=200, metadata=UNDATED[suffix])
            if suffix == "svg":
                Path(f"{stem}.svg").write_bytes(compact(Path(f"{stem}.svg").read_bytes()))
    Path(f"{stem}.txt").write_text(caption + "\n", encoding="utf-8")
