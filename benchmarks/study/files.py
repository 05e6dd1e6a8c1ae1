"""A config file as YAML 1.2 and JSON mean it, read by the YAML 1.1 reader that Snakemake uses.

That reader takes the last of two equal keys and reads 010 as 8 and 1:30 as 90. All of these are refused here.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

from benchmarks.study.collection import Collection, parse
from benchmarks.study.config import Study

DECIMAL = re.compile(r"[-+]?(0|[1-9][0-9]*)")
SUFFIXES = (".yaml", ".yml", ".json")


def read(path: Path) -> dict[str, Any]:
    """The keys and values of a config. Raises ValueError, with the file and the line, where it can be misread."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 text: byte {error.start} is {error.object[error.start]:#x}") from None
    try:
        found = _loaded(text)
    except ValueError as error:
        raise ValueError(f"{path}, {error}") from None
    if not isinstance(found, dict):
        raise ValueError(f"{path} must hold keys and values, not {type(found).__name__}")
    return found


def load(path: Path) -> Study | Collection:
    """The study, or the collection of studies, of a config file."""
    return parse(read(path), str(path))


def results(path: Path) -> Path:
    """The folder of a study's results, of its config or of the folder itself."""
    return Path("results") / load(path).study if path.suffix.lower() in SUFFIXES else path


def _loaded(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_distinct)
    except json.JSONDecodeError:
        pass  # as Snakemake does: what is no JSON is YAML
    try:
        return _Strict(text).get_single_data()
    except yaml.MarkedYAMLError as error:
        place = error.problem_mark or error.context_mark
        raise ValueError(f"{_line(place)}: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if twice := [name for i, name in enumerate(names) if name in names[:i]]:
        raise ValueError(f"key {twice[0]!r} stands there twice")
    return dict(pairs)


def _line(mark: yaml.Mark | None) -> str:
    return f"line {mark.line + 1}" if mark else "somewhere"


class _Strict(yaml.SafeLoader):
    """Keys once, and numbers in decimal."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys: set[tuple[str, str]] = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if (key.tag, key.value) in keys:
                raise ValueError(f"{_line(key.start_mark)}: key {key.value!r} stands there twice")
            keys.add((key.tag, key.value))
        return super().construct_mapping(node, deep)

    def decimal(self, node: yaml.ScalarNode) -> int:
        """A whole number. Raises ValueError if it is written in another base."""
        if not DECIMAL.fullmatch(node.value):
            value = self.construct_yaml_int(node)
            wanted = f"write {value} in decimal, or put it in quotes"
            raise ValueError(f"{_line(node.start_mark)}: {node.value} would be read as {value}; {wanted}")
        return int(node.value)

    def fraction(self, node: yaml.ScalarNode) -> float:
        """A number. Raises ValueError if it is written in base 60."""
        if ":" in node.value:
            raise ValueError(f"{_line(node.start_mark)}: {node.value} is no number; allowed: decimals, or quotes")
        return float(self.construct_yaml_float(node))


_Strict.add_constructor("tag:yaml.org,2002:int", _Strict.decimal)
_Strict.add_constructor("tag:yaml.org,2002:float", _Strict.fraction)
