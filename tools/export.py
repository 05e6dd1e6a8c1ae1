"""Networks of a finished study as ONNX files, each compared with the module that it was written from."""

import argparse
from pathlib import Path

import onnxruntime
import pandas as pd
import torch

from benchmarks.pruned import load, write_onnx
from benchmarks.registry import load as declared
from benchmarks.report.stats.rows import read_rows
from benchmarks.schemas.record import MEASURED
from benchmarks.schemas.target import cell_folder
from benchmarks.study import files

RUN = ("dataset", "network", "method", "target", "seed")
TOLERANCE = 1e-4  # of the largest logit


def chosen(rows: pd.DataFrame, wanted: dict[str, str]) -> pd.DataFrame:
    """The runs that have left a network, of these values alone. Raises ValueError, with what there is, if none is."""
    found = rows[rows["status"].isin(MEASURED)]
    for name, value in wanted.items():
        if value not in set(found[name]):
            there = ", ".join(sorted(set(found[name]))) or "nothing"
            raise ValueError(f"no network of {name} {value!r} is left to export; there is: {there}")
        found = found[found[name] == value]
    return found


def difference(net: torch.nn.Module, dataset: str, path: Path) -> float:
    """max |ONNX - module| / max |module| over the logits of three random images."""
    images = torch.randn(3, *declared("dataset", dataset).SHAPE, generator=torch.Generator().manual_seed(0))
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (logits,) = session.run(["logits"], {"images": images.numpy()})
    with torch.inference_mode():
        expected = net(images)
    return ((torch.from_numpy(logits) - expected).abs().max() / expected.abs().max()).item()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study", type=Path, help="the config of a study that ran here, or the folder of its results")
    for name in RUN:
        parser.add_argument(f"--{name}", help=f"this {name} alone, as rows.csv spells it")
    args = parser.parse_args()
    results = files.results(args.study)
    wanted = {name: value for name in RUN if (value := getattr(args, name))}
    runs = chosen(read_rows(results / "rows.csv").astype({"seed": str}), wanted)[list(RUN)]
    for dataset, network, method, target, seed in runs.itertuples(index=False):
        net = load(results, dataset=dataset, network=network, method=method, target=target, seed=int(seed))
        path = results / "onnx" / dataset / network / cell_folder(method, target) / f"{seed}.onnx"
        write_onnx(net, dataset, path)
        if not (off := difference(net, dataset, path)) <= TOLERANCE:
            raise RuntimeError(f"{path}: logits differ from the module's by {off:.1e} of the largest")
        print(f"{path}  {path.stat().st_size:,} bytes, logits within {off:.1e} of the module's")
