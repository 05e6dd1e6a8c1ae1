"""A hash of the source code that can change a result.

A result is recomputed when its hash changes, so the hash covers the statements that a run uses and nothing else. It
follows names, from the top-level statements of the given modules to the statements of this repository that they use.
Comments, docstrings, log messages, messages of exceptions and imports within the repository do not count: rewording a
message or moving a function to another file leaves the hash as it is. A changed expression does not.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
LOGGERS = ("log", "warnings")

Place = tuple[str, int]
"""A module and the number of one of its top-level statements."""


@cache
def source_hash(*modules: str) -> str:
    """The first 12 hex digits of a sha256 over the modules and everything of this repository that they use.

    Files are read once per process, so that all hashes of a plan belong to one state of the source.
    """
    places = set().union(*(closure(module) for module in modules))
    return hashlib.sha256("\n".join(sorted(_signature(place) for place in places)).encode()).hexdigest()[:12]


@cache
def closure(module: str) -> frozenset[Place]:
    """Every statement of this repository that the module's statements use, directly or not, and its own."""
    found: set[Place] = set()
    queue = _every(module)
    while queue:
        if (place := queue.pop()) not in found:
            found.add(place)
            queue += [used for used, _ in _uses(place)]
            queue += [(place[0], number) for number in _read(place[0]).always]
    return frozenset(found)


@dataclass(frozen=True)
class _Source:
    """A module's top-level statements, and what its names stand for."""

    statements: list[ast.stmt]
    names: dict[str, list[int]] = field(default_factory=dict)  # defined here -> its statements
    imported: dict[str, tuple[str, str | None]] = field(default_factory=dict)  # name -> module and name there
    always: list[int] = field(default_factory=list)  # statements that define nothing: they run on import


@cache
def _read(module: str) -> _Source:
    path = _path(module)
    assert path is not None, module
    source = _Source([])
    tree = ast.parse(path.read_bytes())
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            source.imported.update(_own_imports(node))
    for number, statement in enumerate(_Stripped().visit(tree).body):
        source.statements.append(statement)
        defined = list(_defined(statement))
        for name in defined:
            source.names.setdefault(name, []).append(number)
        if not defined:
            source.always.append(number)
    return source


class _Stripped(ast.NodeTransformer):
    """Takes out what cannot change a number: docstrings, own imports, logging, and messages of exceptions."""

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        if getattr(node, "body", None) == []:
            node.body = [ast.Pass()]  # type: ignore[attr-defined]
        return node

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        call = node.value if isinstance(node.value, ast.Call) else None
        of = call.func.value if call and isinstance(call.func, ast.Attribute) else None
        silent = isinstance(node.value, ast.Constant) or (isinstance(of, ast.Name) and of.id in LOGGERS)
        return None if silent else self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> ast.AST | None:
        return None if all(_path(alias.name) for alias in node.names) else node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST | None:
        return None if node.module == "__future__" or _path(str(node.module)) else node

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        if isinstance(node.exc, ast.Call):
            node.exc.args, node.exc.keywords = [], []
        return node

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        node.msg = None
        return self.generic_visit(node)


def _path(module: str) -> Path | None:
    """The module's file; None if it is not of this repository."""
    path = ROOT / module.replace(".", "/")
    files = (path.with_suffix(".py"), path / "__init__.py")
    return next((file for file in files if file.is_file()), None)


def _own_imports(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, tuple[str, str | None]]]:
    """Name -> the module of this repository that it stands for, or a module and a name in it."""
    for alias in node.names:
        if isinstance(node, ast.Import):
            if _path(alias.name):
                yield alias.asname or alias.name.split(".")[0], (alias.name, None)
        elif _path(f"{node.module}.{alias.name}"):
            yield alias.asname or alias.name, (f"{node.module}.{alias.name}", None)
        elif _path(str(node.module)):
            yield alias.asname or alias.name, (str(node.module), alias.name)


def _defined(statement: ast.stmt) -> Iterator[str]:
    """The names that a top-level statement binds."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield statement.name
    elif isinstance(statement, ast.Import | ast.ImportFrom):
        yield from ((alias.asname or alias.name).split(".")[0] for alias in statement.names)
    elif isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        yield from (n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name))


@cache
def _uses(place: Place) -> list[tuple[Place, str]]:
    """The statements that this one names, and the name under which it does."""
    module, number = place
    source, found = _read(module), []
    modules = {name: of for name, (of, what) in source.imported.items() if what is None}
    through = set()  # names of modules of which one attribute is used
    for node in ast.walk(source.statements[number]):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
            through.add(id(node.value))
            found += [(used, node.attr) for used in _named(modules[node.value.id], node.attr)]
        elif isinstance(node, ast.Name) and id(node) not in through:
            found += [(used, node.id) for used in _named(module, node.id) if used != place]
    return found


def _named(module: str, name: str) -> list[Place]:
    """Where a name of a module is bound: there, or in the module that it is imported from. Of a module, all of it."""
    source = _read(module)
    if name in source.names:
        return [(module, number) for number in source.names[name]]
    of, what = source.imported.get(name, ("", None))
    if what is not None:
        return _named(of, what)
    return _every(of) if of else []


def _every(module: str) -> list[Place]:
    source = _read(module)
    return [(module, number) for number in range(len(source.statements))]


@cache
def _text(place: Place) -> str:
    module, number = place
    return ast.unparse(_read(module).statements[number])


@cache
def _signature(place: Place) -> str:
    """The statement, and what stands behind the names that it uses: neither says in which file."""
    used = sorted(f"{name}={_digest(_text(of))}" for of, name in _uses(place))
    return _digest("\n".join([_text(place), *used]))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
