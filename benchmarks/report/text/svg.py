"""SVG in half the bytes: matplotlib writes every mark as a group of its own, with its whole style and six decimals."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

SVG, XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
GROUP, METADATA, STYLE = (f"{{{SVG}}}{tag}" for tag in ("g", "metadata", "style"))
PLACES = {"d", "x", "y", "transform"}  # attributes that hold coordinates, in points
DECIMALS = re.compile(r"-?\d+\.\d+")
BLANKS = re.compile(r"\s*([A-Za-z]|\s)\s*")  # all but one between numbers


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
    return text.encode() + b"\n"


def _clean(parent: ElementTree.Element, named: set[str]) -> None:
    """Leave out metadata, blanks, groups without attributes and ids that nothing names; round coordinates."""
    kept: list[ElementTree.Element] = []
    for element in parent:
        _clean(element, named)
        if element.get("id") not in named:
            element.attrib.pop("id", None)
        for name in PLACES & element.attrib.keys():
            element.set(name, BLANKS.sub(r"\1", DECIMALS.sub(_rounded, element.attrib[name])).strip())
        if element.get("transform", "").startswith("rotate(-0 "):
            del element.attrib["transform"]
        element.tail = None
        if element.tag == GROUP and not element.attrib:
            kept += element
        elif element.tag != METADATA:
            kept.append(element)
    parent[:] = kept
    if parent.text and not parent.text.strip():
        parent.text = None


def _rounded(number: re.Match[str]) -> str:
    text = f"{float(number[0]):.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
