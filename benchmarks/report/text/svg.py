"""SVG in a third of the bytes: matplotlib writes every mark as a group of its own, with its whole style and six
decimals, and every point from the origin.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from itertools import groupby

SVG, XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
GROUP, METADATA, STYLE = (f"{{{SVG}}}{tag}" for tag in ("g", "metadata", "style"))
PLACES = {"x", "y", "transform"}  # attributes that hold coordinates, in points
DECIMALS = re.compile(r"-?\d+\.\d+")
COMMANDS = re.compile(r"([A-Za-z])([^A-Za-z]*)")
POINTS = {"M": 1, "L": 1, "Q": 2, "C": 3, "Z": 0, "z": 0}  # of a command of a path
INVISIBLE = re.compile(r"M[^A-Za-z]*")  # a path of a single point


def compact(svg: bytes) -> bytes:
    """The same picture, to a hundredth of a point. Styles are written once; the invisible is left out."""
    for prefix, namespace in (("", SVG), ("xlink", XLINK)):
        ElementTree.register_namespace(prefix, namespace)
    root = ElementTree.fromstring(svg)
    named = dict.fromkeys(re.findall(r"#([\w.-]+)[\")]", svg.decode()))
    _clean(root, set(named))
    classes: dict[str, str] = {}
    for element in root.iter():
        if style := element.attrib.pop("style", None):
            element.set("class", classes.setdefault(style, f"s{len(classes)}"))
    if (sheet := next(root.iter(STYLE), None)) is not None:
        sheet.text = f"{sheet.text}{''.join(f'.{name}{{{style}}}' for style, name in classes.items())}"
    short = {name: f"i{i}" for i, name in enumerate(named)}
    text = ElementTree.tostring(root, encoding="unicode")
    text = re.sub(r'( id="|#)([\w.-]+)(?=[")])', lambda found: found[1] + short.get(found[2], found[2]), text)
    return text.replace(" />", "/>").encode() + b"\n"


def _clean(parent: ElementTree.Element, named: set[str]) -> None:
    """Leave out what is invisible, groups without attributes and ids that nothing names; shorten coordinates."""
    kept: list[ElementTree.Element] = []
    for element in parent:
        _clean(element, named)
        if element.get("id") not in named:
            element.attrib.pop("id", None)
        for name in PLACES & element.attrib.keys():
            element.set(name, DECIMALS.sub(lambda found: _short(float(found[0])), element.attrib[name]))
        if element.get("transform", "").startswith("rotate(-0 "):
            del element.attrib["transform"]
        element.tail = None
        path = element.get("d", "")
        if element.tag == GROUP and not element.attrib:
            kept += element
        elif element.tag != METADATA and not INVISIBLE.fullmatch(path):
            element.attrib.update({"d": relative(path)} if path else {})
            kept.append(element)
    parent[:] = [one for clip, run in groupby(kept, _clip) for one in _clipped(clip, list(run))]
    if parent.text and not parent.text.strip():
        parent.text = None


def _clip(element: ElementTree.Element) -> str | None:
    return element.get("clip-path") if element.tag != GROUP else None


def _clipped(clip: str | None, run: list[ElementTree.Element]) -> list[ElementTree.Element]:
    """Neighbours of one clip path in a group that has it."""
    if clip is None or len(run) < 2:
        return run
    group = ElementTree.Element(GROUP, {"clip-path": clip})
    for element in run:
        del element.attrib["clip-path"]
        group.append(element)
    return [group]


def relative(path: str) -> str:
    """The path to a hundredth of a point, each point from the one before it as written, so that no error adds up.

    A path with other commands than matplotlib writes stays as it is.
    """
    written, at = "", (0.0, 0.0)
    for command, numbers in COMMANDS.findall(path):
        if 2 * POINTS.get(command, -1) != len(numbers.split()):
            return path
        values = [round(float(number), 2) for number in numbers.split()]
        if command == "M":
            written += "M" + _joined(values)
        else:
            written += _moved(command.lower(), [round(value - at[i % 2], 2) for i, value in enumerate(values)])
        at = (values[-2], values[-1]) if values else at
    return written


def _moved(command: str, by: list[float]) -> str:
    if command == "l" and 0 in by:
        return f"v{_short(by[1])}" if by[0] == 0 else f"h{_short(by[0])}"
    return command + _joined(by)


def _joined(values: list[float]) -> str:
    return " ".join(map(_short, values)).replace(" -", "-")


def _short(value: float) -> str:
    text = re.sub(r"^(-?)0\.", r"\1.", f"{value:.2f}".rstrip("0").rstrip("."))
    return "0" if text == "-0" else text
