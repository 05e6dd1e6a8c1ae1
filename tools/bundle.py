"""Pack what a machine with torch and without a network needs for `tools/gpu.sh`, in parts of at most 50 MB.

The bundle holds the code of HEAD, the study, the locked versions of the packages that the study needs (torch is
left out: the machine has the one that fits its driver) and the prepared data. `sh start.sh [STUDY] [CORES]`, beside the
parts, unpacks them and runs.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

import yaml

from benchmarks.registry import ROOT

PART = 50 * 10**6  # bytes
PYTHON, PLATFORM = "3.12", "x86_64-manylinux_2_28"
OF_TORCH = "torch torchvision triton nvidia-.* cuda-.* sympy mpmath"
OF_DEVELOPERS = (
    "ast-serialize black flatbuffers greenlet librt ml-dtypes mypy mypy-extensions onnx onnx-ir onnxruntime onnxscript "
    "pandas-stubs playwright protobuf ruff shfmt-py snakefmt snakemake-executor-.* types-pyyaml uv"
)
LEFT_OUT = re.compile(rf"({'|'.join([*OF_TORCH.split(), *OF_DEVELOPERS.split()])})==")
START = """#!/bin/sh
# Unpack the parts beside this file and run tools/gpu.sh. Usage: sh start.sh [STUDY] [CORES] [BENCHMARKS]
set -eu
cd "$(dirname "$0")"
python=$(command -v "${PYTHON:-python3}")
"$python" -c 'import sys; sys.exit("%d.%d" % sys.version_info[:2] != "VERSION" and "the bundle is for Python VERSION")'
cat espalier.tar.gz.* | tar -xz
mkdir -p bin
printf '#!/bin/sh\\nexec "%s" "$@"\\n' "$python" > bin/python
chmod +x bin/python
export PATH="$PWD/bin:$PATH" PYTHONPATH="$PWD/code:$PWD/site${PYTHONPATH:+:$PYTHONPATH}"
cd code
exec sh tools/gpu.sh "${1:-STUDY}" "${2:-1}" "${3:-speed}"
"""


def needed(lock: str) -> str:
    """The requirements of the lock, each with its hashes, without those that are left out."""
    entries = re.split(r"(?m)^(?=\S)", lock)
    return "".join(entry for entry in entries if not LEFT_OUT.match(entry))


def install(lock: str, python: str, site: Path) -> None:
    """The locked wheels for the machine, unpacked into a folder."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(needed(lock))
        file.flush()
        command = ["uv", "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
        where = ["--python-version", python, "--python-platform", PLATFORM, "--target", str(site)]
        subprocess.run([*command, *where, "--requirement", file.name], check=True)


def unpack_code(folder: Path) -> None:
    """The files of HEAD, without results."""
    folder.mkdir()
    archive = subprocess.run(
        ["git", "archive", "HEAD", "--", ".", ":!results"], cwd=ROOT, check=True, stdout=subprocess.PIPE
    )
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)


def prepared(study: Path) -> list[Path]:
    """The files of a study's datasets. Raises ValueError if one is not there."""
    files = [
        ROOT / "data" / f"{dataset}.{ending}"
        for dataset in yaml.safe_load(study.read_text())["datasets"]
        for ending in ("safetensors", "sha256")
    ]
    for path in files:
        if not path.exists():
            raise ValueError(f"{path} is missing; `make bundle` prepares it")
    return files


def split(path: Path) -> list[Path]:
    """Cut a file into parts beside it, named `<file>.00` and so on, and remove it."""
    parts: list[Path] = []
    with path.open("rb") as file:
        while block := file.read(PART):
            parts.append(path.with_name(f"{path.name}.{len(parts):02d}"))
            parts[-1].write_bytes(block)
    path.unlink()
    return parts


def pack(study: Path, out: Path, python: str) -> list[Path]:
    """Write the bundle for a study into an empty folder; its parts."""
    out.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        install((ROOT / "requirements.lock").read_text(), python, folder / "site")
        unpack_code(folder / "code")
        shutil.copy(study, folder / "code/config")  # whether it is committed or not
        whole = out / "espalier.tar.gz"
        with tarfile.open(whole, "w:gz", compresslevel=6) as archive:
            archive.add(folder / "code", "code")
            archive.add(folder / "site", "site")
            for path in prepared(study):
                archive.add(path, f"code/data/{path.name}")
    (out / "start.sh").write_text(START.replace("VERSION", python).replace("STUDY}", f"config/{study.name}}}"))
    return split(whole)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--python", default=PYTHON, help="the machine's Python")
    args = parser.parse_args()
    parts = pack(args.study, args.out, args.python)
    size = sum(part.stat().st_size for part in parts) / 10**6
    print(f"{args.out}: {len(parts)} parts, {size:.0f} MB; on the machine: sh start.sh [STUDY] [CORES]")


if __name__ == "__main__":
    main()
