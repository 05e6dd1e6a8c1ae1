"""A pickle can run anything when it is loaded. None is: one is planted wherever a file is read."""

from __future__ import annotations

import ast
import hashlib
import io
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from benchmarks.data import stream
from benchmarks.data.checksum import recorded_sha256
from benchmarks.data.prepared import load
from benchmarks.machine.files import read_json, write_sealed
from benchmarks.measure import measure
from benchmarks.registry import ROOT
from benchmarks.report.stats.rows import read_rows
from benchmarks.report.tables.published import read_published
from benchmarks.schemas.runs import load as load_runs
from benchmarks.schemas.spec import Spec
from benchmarks.training.checkpoint import Journal
from tests.benchmarks.test_train import CPU, Bench


class Bomb:
    """Leaves a file behind when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def of_torch(path: Path) -> bytes:
    buffer = io.BytesIO()
    torch.save({"state": Bomb(path)}, buffer)
    return buffer.getvalue()


def of_torch_before_it_wrote_archives(path: Path) -> bytes:
    buffer = io.BytesIO()
    torch.save({"state": Bomb(path)}, buffer, _use_new_zipfile_serialization=False)
    return buffer.getvalue()


def plain(path: Path) -> bytes:
    return pickle.dumps(Bomb(path))


FORMS = [of_torch, of_torch_before_it_wrote_archives, plain]
Form = Callable[[Path], bytes]
READERS: list[Callable[[Path], Any]] = [
    lambda path: load(path, ("train",), CPU),
    lambda path: stream.load(path, ("train",), CPU),
    recorded_sha256,
    Journal.read,
    read_json,
    read_rows,
    read_published,
    pd.read_parquet,
]


@pytest.mark.parametrize("form", FORMS)
def test_the_bomb_is_a_real_one(tmp_path: Path, form: Form) -> None:
    torch.load(io.BytesIO(form(tmp_path / "ran")), weights_only=False) if form is not plain else pickle.loads(
        plain(tmp_path / "ran")
    )
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("read", READERS)
def test_a_planted_pickle_is_not_run(tmp_path: Path, read: Callable[[Path], Any], form: Form) -> None:
    path = tmp_path / "digits.safetensors"
    blob = form(tmp_path / "ran")
    path.write_bytes(blob)
    path.with_suffix(".sha256").write_text(hashlib.sha256(blob).hexdigest())
    if read is recorded_sha256:
        path.with_suffix(".sha256").write_bytes(blob)
    if read is Journal.read:
        write_sealed(path, blob)
    with pytest.raises(ValueError):
        read(path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("where", ["finished", "models.safetensors", "runs.json"])
def test_nor_in_what_a_job_has_left(bench: Bench, spec: Spec, tmp_path: Path, where: str, form: Form) -> None:
    folder = bench.cell(spec)
    (path,) = bench.folder.rglob(where)
    (write_sealed if where == "finished" else Path.write_bytes)(path, form(tmp_path / "ran"))
    with pytest.raises(ValueError, match=where):
        measure([(spec, folder)], bench.data, CPU) if where != "finished" else bench.cell(spec)
    if where == "models.safetensors":
        with pytest.raises(ValueError, match=where):
            load_runs(folder)
    assert not (tmp_path / "ran").exists()


PACKAGES = ("methods", "benchmarks", "workflow")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*") if path.suffix in (".py", ".smk"))
LOADERS = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "jsonpickle"}


def forbidden(source: str) -> list[str]:
    """What could run what a file or a user says."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.split(".")[0] in LOADERS]
        elif isinstance(node, ast.ImportFrom):
            found += [str(node.module)] if str(node.module).split(".")[0] in LOADERS else []
        elif isinstance(node, ast.Call):
            found += _call(ast.unparse(node.func), {word.arg: ast.unparse(word.value) for word in node.keywords})
    return found


def _call(name: str, named: dict[str | None, str]) -> list[str]:
    last = name.split(".")[-1]
    bad = name in ("eval", "exec", "compile", "__import__", "os.system", "os.popen")
    bad |= name in ("yaml.load", "yaml.unsafe_load", "yaml.full_load") or last in ("read_pickle", "to_pickle")
    bad |= name == "torch.load" and named.get("weights_only") != "True"
    bad |= named.get("allow_pickle", "False") != "False" or named.get("shell", "False") != "False"
    return [name] if bad else []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_could_run_what_a_file_says(path: Path) -> None:
    source = path.read_text()
    if path.suffix == ".smk":  # Snakemake's own language; what is Python in it is looked at line by line
        lines = [line.strip() for line in source.splitlines()]
        assert not [line for line in lines if any(word in line for word in ("eval(", "exec(", "pickle", "os.system"))]
        return
    assert not forbidden(source)


@pytest.mark.parametrize(
    "code",
    [
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "torch.load(path, weights_only=flag)",
        "import pickle",
        "from joblib import load",
        "numpy.load(path, allow_pickle=True)",
        "yaml.load(text, yaml.Loader)",
        "eval(text)",
        "subprocess.run(text, shell=True)",
        "pandas.read_pickle(path)",
        "os.system(text)",
    ],
)
def test_it_would_be_found(code: str) -> None:
    assert forbidden(code)


def test_what_is_meant_is_allowed() -> None:
    assert not forbidden("torch.load(path, weights_only=True); net.eval(); yaml.safe_load(text); re.compile(text)")
