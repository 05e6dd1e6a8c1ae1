"""A pruned network of a finished study, for use: as a module, and as an ONNX file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor, nn

from benchmarks import registry
from benchmarks.machine.files import write_atomically
from benchmarks.schemas.runs import load as load_runs
from benchmarks.schemas.target import cell_folder
from benchmarks.training.network import rebuild, structure_of


def load(results: str | Path, *, dataset: str, network: str, method: str, target: str, seed: int) -> nn.Module:
    """The network of one run, on the CPU and in eval mode; its test accuracy is that of the run's row.

    results: the folder of a study that ran here, such as "results/quick"; it holds the networks under runs/. A
    published study holds rows alone. method and target are written as in rows.csv.

    The network takes float32 images [n, channels, height, width], pixel values from 0 to 255, from which the mean of
    the training images was subtracted and which were divided by their standard deviation, per channel; see
    `normalisation`. It returns logits [n, classes].

    Raises ValueError, naming what there is, where the study has no such run, or the run has left no network.
    """
    folder = Path(results)
    if not (folder / "runs").is_dir():
        there = sorted(path.parent.name for path in folder.parent.glob("*/runs"))
        raise ValueError(
            f"{folder} holds no networks, for want of runs/; in {folder.parent}, these do: {_listed(there)}"
        )
    folder = _one_of("dataset", dataset, folder / "runs")
    folder = _one_of("network", network, folder)
    folder = _one_of("method and target", cell_folder(method, target), folder)
    runs = load_runs(folder)
    if seed not in runs:
        raise ValueError(f"{folder} has no seed {seed}; there is: {_listed(map(str, sorted(runs)))}")
    record = runs[seed].record
    if not record.has_network:
        raise ValueError(f"{folder}: seed {seed} has left no network: {record.status}, {record.reason}")
    assert record.widths is not None
    shape, classes = _form(dataset)
    dense = registry.load("network", network).build(*shape[:2], classes)
    structure = structure_of(dense, torch.zeros(1, *shape), classes)
    return rebuild(method.split(",")[0], dense, structure, record.widths, runs[seed].weights.net)


def normalisation(data: str | Path, dataset: str) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of the training images, float32 [1, channels, 1, 1], from a folder such as "data"."""
    path = _one_of("dataset", f"{dataset}.safetensors", Path(data), "*.safetensors")
    with safe_open(path, "pt") as file:
        mean, std = (file.get_tensor(name).view(1, -1, 1, 1) for name in ("mean", "std"))
    return mean, std


def write_onnx(net: nn.Module, dataset: str, path: Path) -> None:
    """Write a network as ONNX: input "images" of any batch size, as the module takes them; output "logits"."""
    shape, _ = _form(dataset)
    example = torch.zeros(2, *shape)  # of 2: an axis of length 1 would be taken for a constant
    program = torch.onnx.export(
        net.eval(),
        (example,),
        input_names=["images"],
        output_names=["logits"],
        dynamic_shapes=({0: torch.export.Dim.DYNAMIC},),
        verbose=False,
    )
    assert program is not None
    write_atomically(path, program.model_proto.SerializeToString())


def _form(dataset: str) -> tuple[tuple[int, int, int], int]:
    """The shape of an image, and the number of classes."""
    module = registry.load("dataset", dataset)
    return module.SHAPE, module.CLASSES


def _one_of(what: str, name: str, folder: Path, pattern: str = "[!.]*/") -> Path:
    """folder/name. Raises ValueError, with what is there by pattern (folders, by default), if it is not."""
    there = sorted(path.name for path in folder.glob(pattern))
    if name not in there:
        raise ValueError(f"{folder} has no {what} {name!r}; there is: {_listed(there)}")
    return folder / name


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "nothing"
