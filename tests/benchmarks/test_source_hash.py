"""The hash of the source changes with every statement that a run uses, and with nothing else."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks import registry, source_hash
from benchmarks.source_hash import closure

FILES = {
    "methods/__init__.py": "",
    "methods/core/__init__.py": "",
    "benchmarks/__init__.py": "",
    "methods/a.py": """\
import torch
from methods.core import gates
from methods.core.ranking import keep_by_rank

def learn(net):
    return keep_by_rank(gates.fold(net))
""",
    "methods/b.py": "from methods.core.ranking import keep_by_rank\n\nKEEP = keep_by_rank\n",
    "methods/core/api.py": "Keep = dict\n\nclass Group:\n    size = 3\n",
    "methods/core/gates.py": """\
from methods.core.api import Keep

def fold(net) -> Keep:
    return scale(net)

def scale(net):
    return 2 * net

def unused():
    return 3
""",
    "methods/core/ranking.py": "def keep_by_rank(scores):\n    return scores\n",
    "benchmarks/lazy.py": "SIZE = 1\nregister()\n",
    "benchmarks/train.py": """\
import logging

log = logging.getLogger()

def train(x):
    from benchmarks import lazy

    assert x, "a message"
    if x > lazy.SIZE:
        raise ValueError(f"{x} is too large")
    log.info("training %s", x)
    return x + 1
""",
}
ROOTS = ("methods.a", "benchmarks.train")


@pytest.fixture
def edit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    """`edit({file: text, ...})` writes these files into a small repository and returns the hash of `ROOTS`."""
    monkeypatch.setattr(source_hash, "ROOT", tmp_path)
    cached = (source_hash.source_hash, closure, source_hash._read, source_hash._uses, source_hash._text)

    def forget() -> None:
        for function in (*cached, source_hash._signature):
            function.cache_clear()

    def write(files: dict[str, str]) -> str:
        forget()
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return source_hash.source_hash(*ROOTS)

    yield write
    forget()


CHANGES = {
    "an expression of the method": ("methods/a.py", "gates.fold(net)", "gates.fold(-net)"),
    "a function that it calls": ("methods/core/gates.py", "scale(net)\n\n", "scale(-net)\n\n"),
    "a function that this one calls": ("methods/core/gates.py", "2 * net", "3 * net"),
    "a name in an annotation": ("methods/core/api.py", "Keep = dict", "Keep = list"),
    "an imported library": ("methods/a.py", "import torch", "import numpy as torch"),
    "a value of a module that is imported late": ("benchmarks/lazy.py", "SIZE = 1", "SIZE = 2"),
    "a statement that runs on import": ("benchmarks/lazy.py", "register()", "register(1)"),
    "what is raised": ("benchmarks/train.py", "ValueError", "TypeError"),
    "when it is raised": ("benchmarks/train.py", "x > lazy", "x >= lazy"),
}
UNCHANGED = {
    "a comment": ("methods/a.py", "import torch", "import torch  # a comment"),
    "blank lines": ("methods/a.py", "import torch", "import torch\n\n\n"),
    "a docstring of a module": ("methods/a.py", "import torch", '"""A docstring."""\nimport torch'),
    "a docstring of a function": ("methods/a.py", "(net):", '(net):\n    """A docstring."""'),
    "a docstring of a class": ("methods/core/api.py", "Group:", 'Group:\n    """A docstring."""'),
    "the message of an exception": ("benchmarks/train.py", "is too large", "exceeds the limit"),
    "the message of an assertion": ("benchmarks/train.py", "a message", "another"),
    "the message of a log": ("benchmarks/train.py", "training %s", "now training %s"),
    "a function that is not used": ("methods/core/gates.py", "return 3", "return 4"),
    "another method": ("methods/b.py", "KEEP = keep_by_rank", "KEEP = None"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_hash_changes_with(edit: Callable[..., str], change: str) -> None:
    before = edit(FILES)
    name, old, new = CHANGES[change]
    assert FILES[name].count(old) == 1
    assert edit({name: FILES[name].replace(old, new)}) != before


@pytest.mark.parametrize("change", UNCHANGED)
def test_the_hash_does_not_change_with(edit: Callable[..., str], change: str) -> None:
    before = edit(FILES)
    name, old, new = UNCHANGED[change]
    assert FILES[name].count(old) == 1
    assert edit({name: FILES[name].replace(old, new)}) == before


def test_the_hash_does_not_change_when_a_function_moves_to_another_file(edit: Callable[..., str]) -> None:
    before = edit(FILES)
    moved = "def scale(net):\n    return 2 * net\n"
    gates = FILES["methods/core/gates.py"].replace(moved, "")
    after = edit(
        {
            "methods/core/gates.py": f"from methods.core.scaling import scale\n{gates}",
            "methods/core/scaling.py": moved,
        }
    )
    assert after == before


def test_constants_of_one_name_in_two_files_do_not_stand_for_each_other(edit: Callable[..., str]) -> None:
    files = {
        "methods/core/gates.py": "N = 1\n\ndef fold(net):\n    return N * net\n",
        "methods/core/ranking.py": "N = 2\n\ndef keep_by_rank(scores):\n    return N + scores\n",
    }
    before = edit(FILES | files)
    swapped = {name: text.replace(f"N = {n}", f"N = {3 - n}") for n, (name, text) in enumerate(files.items(), 1)}
    assert edit(swapped) != before


def test_the_order_of_modules_does_not_matter(edit: Callable[..., str]) -> None:
    assert edit(FILES) == source_hash.source_hash(*reversed(ROOTS))


def test_a_methods_hash_covers_its_core_and_the_trainer_but_not_planning_or_reports() -> None:
    modules = {module for root in ("methods.switcher", "benchmarks.train") for module, _ in closure(root)}
    assert {
        "methods.core.switching.alternation",
        "methods.core.switching.switcher_net",
        "methods.core.structure.structure",
    } <= modules
    assert {"benchmarks.training.trainer", "benchmarks.data.dataset", "benchmarks.training.checkpoint"} <= modules
    assert not {"methods.l1", "methods.sss", "methods.dense"} & modules
    assert not [name for name in modules if name.startswith(("benchmarks.study", "benchmarks.report"))]


def test_planning_imports_no_torch() -> None:
    code = "import sys, benchmarks.study.specs, benchmarks.study.config; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=registry.ROOT).returncode == 0
