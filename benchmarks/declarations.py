"""What a Python file declares, read from its text: the file is not run. Every fault names the file and the field."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_REQUIRED = object()


@dataclass(frozen=True)
class Declarations:
    """The names that the top-level statements of a file bind, each with its expression or statement."""

    path: Path
    doc: str
    names: dict[str, ast.AST]

    @classmethod
    def read(cls, path: Path) -> Declarations:
        """Raises ValueError, naming the file and its line, if it is no Python."""
        try:
            tree = ast.parse(path.read_text())
        except SyntaxError as error:
            raise ValueError(f"{path}: line {error.lineno} is no Python: {error.msg}") from None
        names: dict[str, ast.AST] = {}
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                names[node.name] = node
            elif isinstance(node, ast.ImportFrom):
                names |= {alias.asname or alias.name: node for alias in node.names}
            elif isinstance(node, ast.Assign):
                names |= {ast.unparse(target): node.value for target in node.targets}
            elif isinstance(node, ast.AnnAssign) and node.value:
                names[ast.unparse(node.target)] = node.value
        return cls(path, ast.get_docstring(tree) or "", names)

    def assigned(self, name: str, form: str) -> ast.expr:
        """The expression of a name that must be assigned."""
        if not isinstance(node := self.names.get(name), ast.expr):
            raise ValueError(f"{self.path}: {name} is missing; it must be {form}")
        return node

    def literal(self, name: str, form: str, fits: Callable[[Any], bool], default: Any = _REQUIRED) -> Any:
        """The value of a name that is assigned a literal of this form."""
        node = self.names.get(name)
        value = default if node is None and default is not _REQUIRED else self._value(self.assigned(name, form), name)
        if not fits(value):
            raise ValueError(f"{self.path}: {name} is {value!r}; it must be {form}")
        return value

    def function(self, name: str, *arguments: str) -> None:
        """A function of these arguments must be there."""
        node = self.names.get(name)
        form = f"def {name}({', '.join(arguments)})"
        if node is None or isinstance(node, ast.ClassDef):
            raise ValueError(f"{self.path}: {name} is missing; it must be {form}")
        if isinstance(node, ast.FunctionDef) and not node.args.vararg and len(node.args.args) != len(arguments):
            raise ValueError(f"{self.path}: {name} takes {len(node.args.args)} arguments; it must be {form}")

    def fields(self, name: str) -> tuple[dict[str, Any], dict[str, str]]:
        """Defaults and annotations of a dataclass."""
        if not isinstance(node := self.names.get(name), ast.ClassDef):
            raise ValueError(f"{self.path}: {name} is missing; it must be a frozen dataclass, empty if need be")
        values, types = {}, {}
        for field in node.body:
            if isinstance(field, ast.AnnAssign):
                knob = ast.unparse(field.target)
                types[knob] = ast.unparse(field.annotation)
                values[knob] = self._value(field.value, f"{name}.{knob}")
        return values, types

    def _value(self, node: ast.expr | None, name: str) -> Any:
        try:
            return ast.literal_eval(node)  # type: ignore[arg-type]
        except (ValueError, TypeError):
            raise ValueError(f"{self.path}: {name} must be a literal: it is read without running the file") from None
