"""Whatever a network does, its study has a row for every run: right, or refused in one sentence."""

# ruff: noqa: F811  (fixtures of test_train.py)

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from rich.console import Console
from torch import Tensor, nn
from torchvision import models

from benchmarks import measure, plan, registry
from benchmarks.data.dataset import Part
from benchmarks.study.config import parse
from benchmarks.training import probe
from benchmarks.training.network import _structure, new_network, structure_of
from benchmarks.training.trainer import Trainer
from methods.core.api import Unsupported
from methods.core.structure.cost import Cost, counts
from methods.core.structure.structure import Structure
from tests.benchmarks.test_train import CPU, STUDY, Bench, bench, data, specs, timeless  # noqa: F401
from tests.kinds import EXAMPLE, KINDS, conv, head
from tests.odd import ODD, Wired, auxiliary_head
from tools.zoo.small import SMALL

Build = Callable[[int, int, int], nn.Module]


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Callable[[Build], None]:
    """Puts another network in the place of lenet5."""
    load = registry.load

    def put(build: Build) -> None:
        module = SimpleNamespace(build=build)
        monkeypatch.setattr(registry, "load", lambda kind, key: module if kind == "network" else load(kind, key))

    return put


def rows_of(bench: Bench, *cells: str) -> list[dict[str, Any]]:
    """The rows of these cells, from the shared start on."""
    made = specs(seeds=1, epochs=2, pretrain_epochs=1)
    start = bench.start(made["start"])
    jobs = [(made[cell], bench.cell(made[cell], None if "uniform" in cell else start)) for cell in cells]
    return measure.measure(jobs, bench.data, CPU)


CELLS = ("dense@free", "l1@macs=0.5", "uniform@macs=0.5")


def folded(channels: int, size: int, classes: int) -> nn.Module:
    """Two views that know the number of channels, and one module under two names, whose tensors share memory."""
    inner = nn.Linear(8, 8)
    return Wired(
        lambda net, x: net.head(net.again(net.inner(net.first(x).view(-1, 8, 64).mean(2)).view(-1, 8))),
        first=conv(channels, 8), inner=inner, again=inner, head=nn.Linear(8, classes),
    )  # fmt: skip


def small(name: str) -> Build:
    """One of the small networks, for as many classes as the data have."""

    def build(channels: int, size: int, classes: int) -> nn.Module:
        net = SMALL[name]()
        *_, (last, layer) = ((at, module) for at, module in net.named_modules() if isinstance(module, nn.Linear))
        net.set_submodule(last, nn.Linear(layer.in_features, classes))
        return net

    return build


NOTHING = "has no channels that can be removed"


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        (folded, NOTHING),
        (lambda channels, size, classes: ODD["tied"](channels, classes), NOTHING),
        (small("channels shuffled three times"), "cannot trace Net: integer division or modulo by zero"),
    ],
)
def test_of_a_network_that_cannot_be_pruned_the_dense_rows_are_there(
    bench: Bench, network: Callable[[Build], None], build: Build, reason: str
) -> None:
    network(build)
    dense, *refused = rows_of(bench, *CELLS)
    assert dense["status"] in ("ok", "collapsed") and dense["test_accuracy"] > 0
    assert dense["macs"] == dense["macs_dense"] > 0 and dense["latency_cpu_b1_ms"] > 0
    for row in refused:
        assert row["status"] == "unsupported" and reason in row["reason"]
        assert row["macs_dense"] == dense["macs"] and not row["epochs_finetune"]


def test_a_network_that_cannot_be_trained_is_a_row_for_every_run(
    bench: Bench, network: Callable[[Build], None]
) -> None:
    network(lambda channels, size, classes: auxiliary_head(channels, classes))
    for row in rows_of(bench, *CELLS):
        assert row["status"] == "unsupported" and "puts out a tuple for 4 images in training" in row["reason"]


def test_a_network_that_cannot_be_built_is_a_row_for_every_run(bench: Bench, network: Callable[[Build], None]) -> None:
    def build(channels: int, size: int, classes: int) -> nn.Module:
        raise ImportError("No module named 'other'")

    network(build)
    for row in rows_of(bench, *CELLS):
        assert row["status"] == "unsupported" and "lenet5 cannot be built: No module named 'other'" in row["reason"]


@pytest.mark.parametrize("odd", ["flat_view", "fused_attention", "blurred"])
def test_a_network_that_can_be_pruned_in_part_has_its_rows(
    bench: Bench, network: Callable[[Build], None], odd: str
) -> None:
    network(lambda channels, size, classes: ODD[odd](channels, classes))
    dense, pruned, _ = rows_of(bench, "dense@free", "switcher@free", "uniform@macs=0.5")
    assert dense["status"] in ("ok", "collapsed") and pruned["status"] in ("ok", "collapsed")
    assert dense["macs"] == dense["macs_dense"] == pruned["macs_dense"] >= pruned["macs"]


def test_attention_is_counted_whole(bench: Bench, network: Callable[[Build], None]) -> None:
    """torch's counter takes the fused kernel for nothing, and would find 1,184 of 58,528."""
    network(lambda channels, size, classes: ODD["fused_attention"](channels, classes))
    (row,) = rows_of(bench, "dense@free")
    assert row["macs"] == row["macs_dense"] == 16 * 4 * 16 + encoder(16, 16, 64) + 16 * 10 == 58_528


def encoder(tokens: int, width: int, neurons: int) -> int:
    """MACs of an encoder layer: its linear layers, and the two products of its attention."""
    return tokens * width * (4 * width + 2 * neurons) + 2 * tokens**2 * width


def test_a_vision_transformer_is_counted_whole() -> None:
    """Without the fused kernel torch's counter would find 141,632 MACs, and without the products 280,896."""
    net = models.VisionTransformer(8, 2, 2, 4, 32, 64, num_classes=10)
    net.conv_proj = nn.Conv2d(1, 32, 2, stride=2)
    layers, products = 280_896, 2 * 2 * 17**2 * 32
    assert layers + products == 16 * 4 * 32 + 2 * encoder(17, 32, 64) + 32 * 10
    structure = structure_of(net, EXAMPLE, 10)
    assert structure.macs(structure.everything()) == layers + products
    assert counts(net, EXAMPLE) == (layers + products, layers + products)


class Versioned(nn.Module):
    """As torchvision's MNASNet: its state dict has a version, without which it is not loaded."""

    _version = 2

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(conv(channels, 8), conv(8, 8), head(8, classes))

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images)

    def _load_from_state_dict(self, state: Any, prefix: str, metadata: dict[str, Any], *rest: Any) -> None:
        if metadata.get("version") != 2:
            raise ValueError(f"version should be set to 2 instead of {metadata.get('version')}")
        super()._load_from_state_dict(state, prefix, metadata, *rest)


def test_a_state_dict_keeps_its_version(bench: Bench, network: Callable[[Build], None]) -> None:
    network(lambda channels, size, classes: Versioned(channels, classes))
    assert [row["status"] in ("ok", "collapsed") for row in rows_of(bench, *CELLS)] == [True] * 3


@pytest.mark.parametrize("method", registry.keys("method"))
def test_every_method_refuses_a_network_without_groups(make_trainer: Callable[..., Trainer], method: str) -> None:
    """But for those that need none: the dense control, and methods that build a network of their own."""
    net = KINDS["plain"]()
    structure = Structure((), Cost.of(net, EXAMPLE, ()), EXAMPLE, refused="nothing can be removed")
    module = registry.load("method", method)
    trainer = make_trainer(net, structure=structure, target=0.5 if "macs" in module.TARGETS else None)
    if method == "dense" or hasattr(module, "build"):
        return
    with pytest.raises(Unsupported, match=r"^nothing can be removed$"):
        module.learn(net, trainer, module.Knobs())
    assert trainer.epochs == 4, "nothing is spent"


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda channels, size, classes: ODD["flat_view"](channels, classes), ""),
        (folded, "only the dense network is trained. Wired has no channels that can be removed"),
        (
            lambda channels, size, classes: auxiliary_head(channels, classes),
            "nothing is trained. Wired puts out a tuple",
        ),
    ],
)
def test_a_plan_says_which_networks_cannot_be_pruned_or_trained(
    network: Callable[[Build], None], tmp_path: Path, build: Build, words: str
) -> None:
    network(build)
    study = parse(STUDY | {"seeds": 1}, "tests")
    (line,) = plan.plan(study, tmp_path, CPU, seconds=0.05)
    assert words in line.note and bool(line.note) == bool(words)
    assert (line.epoch_macs > 0 and line.epoch_seconds > 0) == ("nothing is" not in line.note)
    console = Console(file=io.StringIO(), width=400)
    console.print(plan.table([line], 1, "cpu"))
    assert line.note in " ".join(console.file.getvalue().split())


def test_counts_that_disagree_are_a_row_with_the_numbers(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    macs = Structure.macs
    monkeypatch.setattr(
        Structure, "macs", lambda self, keep: macs(self, keep) + (not all(m.all() for m in keep.values()))
    )
    monkeypatch.setattr(probe, "faults", lambda net, structure: {})
    _structure.cache_clear()
    row, dense = rows_of(bench, "uniform@macs=0.5", "dense@free")
    assert row["status"] == "unsupported" and dense["status"] in ("ok", "collapsed")
    assert re.search(
        r"MACs are not certain: ([\d,]+) by its groups, ([\d,]+) by torch's counter, \2 by its l", row["reason"]
    )
    assert not row["epochs_finetune"]


def test_images_that_are_not_square_are_counted_as_they_are(bench: Bench, network: Callable[[Build], None]) -> None:
    network(lambda channels, size, classes: KINDS["residual"](channels, classes))
    images, labels = torch.zeros(4, 1, 8, 16, dtype=torch.uint8), torch.zeros(4, dtype=torch.int64)
    part = Part(images, labels, torch.zeros(1, 1, 1, 1), torch.ones(1, 1, 1, 1))
    net, structure = new_network(specs()["dense@free"], 0, part, CPU)
    assert structure.macs(structure.everything()) == counts(net, torch.zeros(1, 1, 8, 16)).counted


def test_a_job_traces_once_for_all_of_its_seeds(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    traced = []
    of = Structure.of
    monkeypatch.setattr(Structure, "of", lambda *args: (traced.append(args), of(*args))[1])
    _structure.cache_clear()
    bench.cell(specs(seeds=3, epochs=2, pretrain_epochs=0)["dense@free"])
    assert len(traced) == 1
