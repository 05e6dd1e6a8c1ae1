"""Direct labels: a name next to its mark, where it covers nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.transforms import Bbox

POINTS = 1 / 72
SPOTS = [
    ((1, 0), "left", "center"), ((-1, 0), "right", "center"), ((0, 1), "center", "bottom"), ((0, -1), "center", "top"),
    ((0.8, 0.8), "left", "bottom"), ((0.8, -0.8), "left", "top"),
    ((-0.8, 0.8), "right", "bottom"), ((-0.8, -0.8), "right", "top"),
]  # fmt: skip
"""Where a label may stand: direction from the mark, and how the text is anchored there."""


class Mark(NamedTuple):
    """A drawn point with its intervals, in data units; half-widths are 0 where there is no interval.

    labelled: the mark needs no text. runs: how many it is the mean of.
    """

    name: str
    color: str
    x: float
    y: float
    x_half: float
    y_half: float
    labelled: bool = False
    runs: int = 3


def place(axes: Axes, marks: Iterable[Mark], renderer: RendererBase) -> set[str]:
    """Label one mark per name where the text covers no mark, interval or label; returns the names that found room.

    The layout must be final, since room is measured in pixels.
    """
    marks = list(marks)
    taken = [box for mark in marks for box in _boxes(axes, mark)]
    labelled: set[str] = set()
    for mark in marks:
        if not mark.labelled and mark.name not in labelled and (box := _label(axes, mark, taken, renderer)) is not None:
            taken.append(box)
            labelled.add(mark.name)
    return labelled


def _label(axes: Axes, mark: Mark, taken: list[Bbox], renderer: RendererBase) -> Bbox | None:
    for (right, up), horizontal, vertical in SPOTS:
        text = axes.annotate(
            mark.name,
            (mark.x, mark.y),
            xytext=(5 * right, 5 * up),
            textcoords="offset points",
            ha=horizontal,
            va=vertical,
            color=mark.color,
        )
        box = text.get_window_extent(renderer)
        inside = axes.bbox.x0 <= box.x0 and box.x1 <= axes.bbox.x1 and axes.bbox.y0 <= box.y0 and box.y1 <= axes.bbox.y1
        if inside and not any(box.overlaps(other) for other in taken):
            return box
        text.remove()
    return None


def _boxes(axes: Axes, mark: Mark) -> list[Bbox]:
    figure = axes.get_figure(root=True)
    assert figure is not None
    pixel = figure.dpi * POINTS
    x, y = axes.transData.transform((mark.x, mark.y))
    left, bottom = axes.transData.transform((mark.x - mark.x_half, mark.y - mark.y_half))
    right, top = axes.transData.transform((mark.x + mark.x_half, mark.y + mark.y_half))
    body = Bbox([[x - 3 * pixel, y - 3 * pixel], [x + 3 * pixel, y + 3 * pixel]])
    return [body, Bbox([[left, y - pixel], [right, y + pixel]]), Bbox([[x - pixel, bottom], [x + pixel, top]])]
