"""Dependencies run one way: methods <- benchmarks <- workflow, and within benchmarks from the doors to the machine.

Read from the imports of every file.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from benchmarks import registry

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = {"methods": {"methods"}, "benchmarks": {"methods", "benchmarks"}, "workflow": {"benchmarks", "workflow"}}
OUTSIDE = {"torch", "torch_pruning", "numpy"}  # all that methods may use of others


def sources(package: str) -> list[Path]:
    """The Python files of a package, rules of the workflow included."""
    return sorted(p for p in (ROOT / package).rglob("*") if p.suffix in (".py", ".smk"))


def python(package: str) -> list[Path]:
    return [path for path in sources(package) if path.suffix == ".py"]


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Every module that is imported, and whether that happens when the file is loaded."""
    tree = ast.parse(path.read_text())
    inside = {id(n) for f in ast.walk(tree) if isinstance(f, ast.FunctionDef | ast.Lambda) for n in ast.walk(f)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative imports hide what is imported"
            names = [str(node.module)]
        else:
            continue
        yield from ((name, id(node) not in inside) for name in names)


def roots(path: Path) -> set[str]:
    return {name.split(".")[0] for name, _ in imports(path)}


def ids(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


EVERY = [path for package in PACKAGES for path in python(package)]


def test_there_is_something_to_read() -> None:
    assert all(len(python(package)) > 5 for package in PACKAGES)
    assert ("methods.core.api", True) in list(imports(ROOT / "methods/core/gates.py"))


@pytest.mark.parametrize("path", EVERY, ids=ids(EVERY))
def test_imports_run_one_way(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    assert roots(path) & {*PACKAGES, "tests"} <= PACKAGES[package]


@pytest.mark.parametrize("path", python("methods"), ids=ids(python("methods")))
def test_methods_import_torch_and_themselves(path: Path) -> None:
    assert roots(path) <= {"methods", *OUTSIDE, *sys.stdlib_module_names}


@pytest.mark.parametrize("path", python("methods"), ids=ids(python("methods")))
def test_methods_see_no_path_argument_or_terminal(path: Path) -> None:
    spared = {"sys"} if path == ROOT / "methods/core/structure/__init__.py" else set()  # which keeps an import out
    assert not (roots(path) - spared) & {"pathlib", "os", "io", "shutil", "argparse", "sys", "yaml", "json", "logging"}
    calls = [node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    names = {called.id for called in calls if isinstance(called, ast.Name)}
    assert not names & {"print", "open", "input"}


@pytest.mark.parametrize("path", python("methods/core"), ids=ids(python("methods/core")))
def test_what_methods_share_knows_none_of_them(path: Path) -> None:
    own = [name for name, _ in imports(path) if name.split(".")[0] == "methods"]
    assert all(name.startswith("methods.core") for name in own)


METHODS = [ROOT / "methods" / f"{key}.py" for key in registry.keys("method")]


@pytest.mark.parametrize("path", METHODS, ids=ids(METHODS))
def test_a_method_imports_no_other(path: Path) -> None:
    own = [name for name, _ in imports(path) if name.split(".")[0] == "methods"]
    assert all(name == "methods" or name.startswith("methods.core") for name in own)
    tree = ast.parse(path.read_text())
    taken = [a.name for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.module == "methods" for a in n.names]
    assert not set(taken) & set(registry.keys("method"))


@pytest.mark.parametrize("path", EVERY, ids=ids(EVERY))
def test_only_the_workflow_knows_snakemake(path: Path) -> None:
    assert "snakemake" not in roots(path) or path.is_relative_to(ROOT / "workflow")


@pytest.mark.parametrize("path", EVERY, ids=ids(EVERY))
def test_torchvision_is_imported_only_where_it_is_called(path: Path) -> None:
    """Importing it costs seconds, and nothing needs it but a download, and the peers whose speed is measured."""
    if path.is_relative_to(ROOT / "speed"):
        return
    assert not [name for name, at_load in imports(path) if name.split(".")[0] == "torchvision" and at_load]


STAGES = {
    "train": {"training", "data", "schemas", "machine", "registry"},
    "measure": {"training", "study", "data", "schemas", "machine"},
    "plan": {"training", "study", "data", "schemas", "machine", "registry"},
    "pruned": {"training", "schemas", "machine", "registry"},
    "training": {"data", "schemas", "machine", "registry"},
    "study": {"data", "schemas", "registry", "source_hash"},
    "data": {"schemas", "machine", "registry"},
    "datasets": {"data", "machine"},
    "networks": set(),
    "report": {"schemas", "machine"},
    "registry": {"schemas", "declarations"},
    "schemas": {"machine"},
    "declarations": set(),
    "source_hash": set(),
    "machine": set(),
}
"""A stage of benchmarks/, which is a folder or a file, and the other stages that it may import."""


def graph() -> dict[str, set[str]]:
    """Every module of benchmarks/, and the modules of it that it imports."""
    modules = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in python("benchmarks")}
    found: dict[str, set[str]] = {}
    for name, path in modules.items():
        imported = {name for name, _ in imports(path) if name.startswith("benchmarks")}
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("benchmarks"):
                inner = {f"{node.module}.{alias.name}" for alias in node.names} & set(modules)
                imported |= inner
        found[name] = imported & set(modules) - {name}
    return found


def stage(module: str) -> str:
    return module.split(".")[1]


def test_stages_of_benchmarks_depend_in_one_direction() -> None:
    edges = {(stage(name), stage(to)) for name, imported in graph().items() for to in imported}
    assert {a for a, _ in edges} | {b for _, b in edges} <= {*STAGES, "__init__"}
    wrong = [(a, b) for a, b in edges if a != b and "__init__" not in (a, b) and b not in STAGES[a]]
    assert not wrong
    order = list(TopologicalSorter(STAGES).static_order())  # raises CycleError if the rules themselves had a circle
    assert order.index("machine") < order.index("data") < order.index("training") < order.index("train")


def test_a_report_uses_files_alone_of_the_machine() -> None:
    used = {to for name, imported in graph().items() if stage(name) == "report" for to in imported}
    assert {to for to in used if stage(to) == "machine"} <= {"benchmarks.machine.files"}


def test_no_modules_of_benchmarks_import_each_other_in_a_circle() -> None:
    assert list(TopologicalSorter(graph()).static_order())  # raises CycleError, with the circle


def test_planning_and_the_record_import_no_torch() -> None:
    """Directly or not; Snakemake plans at every start."""
    light = [name for name in graph() if stage(name) == "study"]
    light += [f"benchmarks.schemas.{name}" for name in ("target", "spec", "recipe", "record", "rows")]
    code = f"import sys, {', '.join(light)}; sys.exit('torch' in sys.modules)"
    assert len(light) > 10 and subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def comparisons(tree: ast.AST) -> Iterator[tuple[str, object]]:
    """Name and literal of `x.method == "l1"`, `x["method"] in ("l1", "sss")` and `match method: case "l1"`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
        elif isinstance(node, ast.Match):
            sides = [node.subject, *(case.pattern for case in node.cases)]
        else:
            continue
        literals = [n.value for side in sides for n in ast.walk(side) if isinstance(n, ast.Constant)]
        yield from ((_name(side), literal) for side in sides for literal in literals)


def _name(node: ast.AST) -> str:
    """The last part of `method`, `spec.method` or `record["method"]`."""
    if isinstance(node, ast.Subscript):
        node = node.slice
    return str(getattr(node, "attr", None) or getattr(node, "id", None) or getattr(node, "value", None))


HOMES = {"method": "methods", "network": "benchmarks/networks", "dataset": "benchmarks/datasets"}


@pytest.mark.parametrize("kind", HOMES)
@pytest.mark.parametrize("path", EVERY, ids=ids(EVERY))
def test_nothing_asks_which_method_network_or_dataset_it_is(path: Path, kind: str) -> None:
    if path.is_relative_to(ROOT / HOMES[kind]) or path.is_relative_to(ROOT / "benchmarks/report"):
        return  # at home; and a report may set off one line from another
    asked = [v for name, v in comparisons(ast.parse(path.read_text())) if name in (kind, "key", "label")]
    assert not set(asked) & set(registry.keys(kind))


@pytest.mark.parametrize("kind", HOMES)
def test_neither_do_the_rules_of_the_workflow(kind: str) -> None:
    keys = "|".join(registry.keys(kind))
    rules = [path for path in sources("workflow") if path.suffix == ".smk"] + [ROOT / "Snakefile"]
    for path in rules:
        assert not re.search(rf"==\s*[\"']({keys})[\"']|[\"']({keys})[\"']\s*==", path.read_text()), path


def test_the_question_would_be_found() -> None:
    for code in ('if spec.method == "l1": pass', 'x = method in ("l1",)', 'if row["method"] != "l1": pass'):
        assert ("method", "l1") in list(comparisons(ast.parse(code)))
    assert ("method", "l1") in list(comparisons(ast.parse('match spec.method:\n    case "l1": pass')))
