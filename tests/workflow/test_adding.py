"""The pages on adding a method, a network and a data set: their examples work as they stand, with no other edit."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image
from safetensors import safe_open

from benchmarks.registry import ROOT
from tests.workflow.conftest import Project

EXAMPLE = re.compile(r'^```\w+ title="(.+?)"\n(.*?)^```$', flags=re.S | re.M)
KINDS = ("method", "network", "dataset")
TESTS = [
    *("tests/methods/test_conformance.py", "tests/test_layering.py", "tests/tools/test_pages.py"),
    *(f"tests/benchmarks/{name}" for name in ("datasets", "networks", "test_datasets.py", "test_networks.py", "study")),
]
ALSO = ("tests", "docs", "README.md", "pyproject.toml", "results/published/reference/tables")


def examples(kind: str) -> dict[str, str]:
    """Path -> text of the files that a page shows."""
    return dict(EXAMPLE.findall((ROOT / f"docs/adding_a_{kind}.md").read_text()))


@pytest.fixture(scope="module")
def extended(new_project: Callable[..., Project]) -> Project:
    """A copy of the project with the files of all three pages, and images for the data set."""
    project = new_project()
    for name in ALSO:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        (project.root / name).parent.mkdir(parents=True, exist_ok=True)
        copy(ROOT / name, project.root / name)
    for path, text in {path: text for kind in KINDS for path, text in examples(kind).items()}.items():
        assert not (ROOT / path).exists(), f"{path} of the page is a file of the project"
        (project.root / path).write_text(text)
    draw_photos(project.root / "data/raw/photos")
    return project


def draw_photos(raw: Path, classes: int = 3, images: int = 60, side: int = 40) -> None:
    """Noise, brighter from class to class."""
    generator = np.random.default_rng(0)
    for label in range(classes):
        (raw / f"class{label}").mkdir(parents=True)
        for i in range(images):
            pixels = generator.integers(60 * label, 60 * label + 100, (side, side, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(raw / f"class{label}/{i:02d}.png")


def python(project: Project, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = project.environment | {"PYTHONPATH": str(project.root)}
    return subprocess.run(
        [sys.executable, *arguments], cwd=project.root, env=environment, text=True, capture_output=True, check=False
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_has_a_file_and_a_study_that_names_it(kind: str) -> None:
    (path, _), (config, text) = examples(kind).items()
    study = yaml.safe_load(text)
    assert config == f"config/{study['study']}.yaml" and Path(path).stem in str(study[f"{kind}s"])


def test_a_study_of_the_three_examples_gives_rows(extended: Project) -> None:
    few = {"targets": ["macs=0.5"], "seeds": 1, "epochs": 4, "pretrain_epochs": 0}
    extended.configure(datasets=["photos"], networks=["convnet4"], methods=["dense", "snip"], **few)
    extended.run("--", "results/tiny/rows.csv")
    rows = extended.rows()
    assert dict(zip(rows.method, rows.status, strict=True)) == {"dense": "ok", "snip": "ok"}
    assert float(rows.macs[1]) / float(rows.macs_dense[1]) == pytest.approx(0.5, rel=0.02)
    with safe_open(extended.root / "data/photos.safetensors", "pt") as file:
        shapes = [file.get_slice(f"{part}_images").get_shape() for part in ("train", "validation", "test")]
        assert file.get_tensor("test_labels").unique().tolist() == [0, 1, 2]
    assert shapes == [[156, 3, 32, 32], [12, 3, 32, 32], [12, 3, 32, 32]]


def test_the_examples_pass_the_tests_of_the_suite(extended: Project) -> None:
    checks = ("-m", "pytest", "-n", "0", "-v", "-p", "no:cacheprovider")  # the project's options have -q
    listed = (extended.root / "docs/methods.md").read_text()
    assert python(extended, "-m", "tools.pages").returncode == 0  # make docs
    assert "`snip`" in (extended.root / "docs/methods.md").read_text() and "`snip`" not in listed
    checked = python(extended, *checks, *TESTS, "-k", "snip or convnet4 or photos or up_to_date")
    assert checked.returncode == 0, checked.stdout[-3000:]
    assert int(re.findall(r"(\d+) passed", checked.stdout)[0]) > 100


def test_the_studies_of_the_pages_are_valid(extended: Project) -> None:
    paths = [path for kind in KINDS for path in examples(kind) if path.startswith("config/")]
    code = (
        f"import yaml; from benchmarks.study.config import parse; [parse(yaml.safe_load(open(p)), p) for p in {paths}]"
    )
    planned = python(extended, "-c", code)
    assert planned.returncode == 0, planned.stderr
