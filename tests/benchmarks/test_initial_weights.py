"""A seed starts with the same weights whatever ran before it, also those that only a constructor draws."""

# ruff: noqa: F811  (fixtures of other files)

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from benchmarks import registry, train
from benchmarks.data.prepared import load
from benchmarks.schemas.spec import Spec
from benchmarks.training import network as networks
from benchmarks.training.checkpoint import Journal
from benchmarks.training.network import new_network
from benchmarks.training.trainer import Trainer
from methods.core.api import Unsupported
from methods.core.structure.structure import Structure
from tests.benchmarks.test_any_network import Build, network  # noqa: F401
from tests.benchmarks.test_train import CPU, Bench, bench, data, specs, timeless  # noqa: F401
from tests.kinds import EXAMPLE, KINDS
from tools.zoo.blocks import Net, with_tensor

CONSTRUCTED = ("positions", "block.layer_scale", "scale.gamma")


def drawing(channels: int, size: int, classes: int) -> nn.Module:
    """Weights that the constructor alone sets, the LayerScale of torchvision and timm among them; and dropout."""
    from timm.layers import LayerScale
    from torchvision.models.convnext import CNBlock

    def run(net: Any, x: Tensor) -> Tensor:
        tokens = net.block(net.patches(x)).flatten(2).transpose(1, 2) + net.positions
        return net.head(tokens.mean(1) + net.scale(net.layer(tokens)).mean(1))

    net = Net(
        run, patches=nn.Conv2d(channels, 8, 4, stride=4), block=CNBlock(8, 0.5, 0.0), scale=LayerScale(8, 0.5),
        layer=nn.TransformerEncoderLayer(8, 2, 16, dropout=0.2, batch_first=True), head=nn.Linear(8, classes),
    )  # fmt: skip
    return with_tensor(net, "positions", torch.randn(4, 8), trained=True)


@pytest.mark.parametrize("name", registry.keys("network"))
def test_a_seed_of_any_network_starts_alike_in_any_order_and_when_its_job_is_run_again(
    name: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[int] = []
    first: dict[int, dict[str, Tensor]] = {}
    plain = Structure.of(KINDS["plain"](), EXAMPLE)
    monkeypatch.setattr(networks, "_structure", lambda *_: plain)  # tracing takes longer

    def learn(net: nn.Module, trainer: Trainer, knobs: object) -> None:
        seed = trainer.run[2]
        started.append(seed)
        assert same(first.setdefault(seed, net.state_dict()), net.state_dict())
        if len(started) == 2:
            raise KeyboardInterrupt
        torch.rand(len(started))
        raise Unsupported("that is all")

    monkeypatch.setattr(registry.load("method", "dense"), "learn", learn)
    spec = specs(epochs=2, pretrain_epochs=0)["dense@free"].model_copy(update={"network": name})
    both, turned = (spec.model_copy(update={"seeds": seeds}) for seeds in ([0, 1], [1, 0]))
    with pytest.raises(KeyboardInterrupt):
        Bench(tmp_path / "one", data).cell(both)
    Bench(tmp_path / "one", data).cell(both)
    Bench(tmp_path / "other", data).cell(turned)
    assert started == [0, 1, 1, 1, 0]
    assert not same(first[0], first[1])


def seeds_of(folder: Path) -> dict[int, dict[str, Tensor]]:
    found: dict[int, dict[str, Tensor]] = {}
    for name, tensor in load_file(folder / "models.safetensors").items():
        seed, _, rest = name.partition("/")
        found.setdefault(int(seed), {})[rest] = tensor
    return found


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_a_seed_does_not_depend_on_the_seeds_before_it(
    bench: Bench, network: Callable[[Build], None], tmp_path: Path
) -> None:
    network(drawing)
    both, alone, first = (
        seeds_of(
            Bench(tmp_path / str(i), bench.data).cell(specs(seeds=seeds, epochs=2, pretrain_epochs=0)["dense@free"])
        )
        for i, seeds in enumerate([[0, 1], [1], [1, 0]])
    )
    assert same(both[1], alone[1]) and same(both[0], first[0]) and same(both[1], first[1])
    assert not same(both[0], both[1])


def test_a_resumed_seed_has_the_dropout_of_one_that_was_not_killed(
    bench: Bench, network: Callable[[Build], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network(drawing)
    spec = specs(seeds=1, epochs=3, pretrain_epochs=0)["dense@free"]
    whole = bench.cell(spec)
    other = Bench(tmp_path / "other", bench.data)
    write, saves = Journal.write, 0

    def mortal(path: Path, state: Any) -> None:
        nonlocal saves
        saves += 1
        if saves == 3:
            raise KeyboardInterrupt
        write(path, state)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Journal, "write", staticmethod(mortal))
        other.cell(spec)
    assert timeless(other.cell(spec)) == timeless(whole)


def test_new_weights_are_new_where_only_the_constructor_draws_them(
    bench: Bench, network: Callable[[Build], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network that is trained from scratch starts as the dense one does."""
    network(drawing)
    seen = []
    retrain = train._retrain

    def spy(spec: Spec, seed: int, net: nn.Module, *rest: Any) -> None:
        for act in (lambda: None, lambda: retrain(spec, seed, net, *rest)):
            act()
            seen.append({name: net.get_parameter(name).detach().clone() for name in CONSTRUCTED})

    monkeypatch.setattr(train, "_retrain", spy)
    methods = [{"switcher": {"reading": "forced"}}]
    cells = specs(seeds=1, epochs=4, retrain="scratch", methods=["dense", *methods], targets=["free"])
    spec = cells["switcher,reading=forced@free"]
    bench.cell(spec)
    dense, _ = new_network(spec, 0, load(bench.data, ("train",), CPU)["train"], CPU)
    learned, anew = seen
    for name in CONSTRUCTED:
        assert torch.equal(anew[name], dense.get_parameter(name)) and not torch.equal(learned[name], anew[name])
