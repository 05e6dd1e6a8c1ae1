"""CUDA graphs, by one made of Python: the operations of a step are recorded, and run again on the same tensors.

As on a GPU, no Python of the step runs in a replay, and what it reads and writes stays where it was.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

from benchmarks.machine import graphs
from benchmarks.machine.graphs import EAGER, Captured, captured
from benchmarks.training import trainer as trainers
from benchmarks.training.trainer import Trainer
from methods.core.structure.structure import Structure
from tests.kinds import EXAMPLE, KINDS

MakeTrainer = Callable[..., Trainer]


class Recording(TorchDispatchMode):
    """Remembers every operation with the tensors that it read and made."""

    def __init__(self) -> None:
        super().__init__()
        self.operations: list[tuple[Any, Any, Any, Any]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.aten._local_scalar_dense.default:
            raise RuntimeError("operation not permitted when stream is capturing")
        made = func(*args, **(kwargs or {}))
        self.operations.append((func, *tree_map_only(Tensor, torch.detach, (args, kwargs or {}, made))))
        return made


def python_graph(function: Callable[[], Tensor]) -> tuple[Callable[[], None], Tensor]:
    """As `cuda_graph`, but that the recorded operations have run once: the first replay does nothing."""
    with Recording() as recording:
        result = function()
    replays = 0

    @torch.no_grad()
    def replay() -> None:
        nonlocal replays
        replays += 1
        if replays == 1:
            return
        for func, args, kwargs, made in recording.operations:
            for old, new in zip(tree_leaves(made), tree_leaves(func(*args, **kwargs)), strict=True):
                if isinstance(old, Tensor) and old.data_ptr() != new.data_ptr():
                    old.copy_(new)  # into the memory of the recorded one; views and in-place results are there

    return replay, result


def fitted(kind: str, make_trainer: MakeTrainer, precision: str) -> tuple[Any, ...]:
    """Weights, history and momentum after 6 steps."""
    torch.manual_seed(0)
    net = KINDS[kind]()
    trainer = make_trainer(net, epochs=2, precision=precision)
    trainer.fit(net, 2)
    return net.state_dict(), trainer.history, trainer.momentum


def use_python_graphs(monkeypatch: pytest.MonkeyPatch) -> list[Captured]:
    made: list[Captured] = []

    def make(step: graphs.Step, net: nn.Module) -> Captured:
        made.append(Captured(step, net, python_graph))
        return made[-1]

    monkeypatch.setattr(trainers, "captured", make)
    return made


@pytest.mark.parametrize(("kind", "precision"), [*((kind, "float32") for kind in KINDS), ("residual", "bfloat16")])
def test_a_captured_step_gives_the_same_bits(
    kind: str, precision: str, make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights, history, momentum = fitted(kind, make_trainer, precision)
    monkeypatch.setattr(graphs, "EAGER", 2)
    made = use_python_graphs(monkeypatch)
    ours, own_history, own_momentum = fitted(kind, make_trainer, precision)
    assert made[0].replay is not None and made[0].calls == 6
    assert own_history == history
    for mine, theirs in ((ours, weights), (own_momentum, momentum)):
        assert mine.keys() == theirs.keys()
        assert all(torch.equal(tensor, theirs[name]) for name, tensor in mine.items())


def step_of(net: nn.Module) -> graphs.Step:
    def step(images: Tensor, labels: Tensor) -> Tensor:
        net.zero_grad()
        loss = nn.functional.cross_entropy(net(images), labels)
        loss.backward()
        return loss.detach()

    return step


def test_losses_of_several_steps_are_kept_apart_and_gradients_are_not_summed() -> None:
    net = nn.Linear(3, 2)
    calls = 0

    def counted(images: Tensor, labels: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        return step_of(net)(images, labels)

    step, plain = Captured(counted, net, python_graph), step_of(net)
    batches = [(torch.randn(4, 3), torch.randint(2, (4,))) for _ in range(EAGER + 4)]
    losses = [step(*batch) for batch in batches]
    assert calls == EAGER + 1, "the captured step is replayed without its Python"
    assert net.weight.grad is not None
    gradient = net.weight.grad.clone()
    assert torch.equal(torch.stack(losses), torch.stack([plain(*batch) for batch in batches]))
    assert torch.equal(gradient, net.weight.grad)
    net.zero_grad()  # what another loop over the same network may do
    step(*batches[0])
    gradient = net.weight.grad.clone()
    plain(*batches[0])
    assert torch.equal(gradient, net.weight.grad)


def test_no_node_of_an_earlier_graph_is_alive_when_a_step_is_captured(monkeypatch: pytest.MonkeyPatch) -> None:
    """CUDA refuses to capture a backward pass through nodes that were made on its default stream."""
    nodes: list[object] = []

    def capture(function: Callable[[], Tensor]) -> tuple[Callable[[], None], Tensor]:
        nodes.extend(found for found in gc.get_objects() if type(found).__name__ == "AccumulateGrad")
        return python_graph(function)

    net = KINDS["residual"]()
    monkeypatch.setattr(graphs, "EAGER", 1)
    step = Captured(step_of(net), net, capture)
    gc.collect()
    gc.disable()  # as between two collections
    try:
        Structure.of(net, EXAMPLE)
        for _ in range(2):
            step(torch.randn(4, *EXAMPLE.shape[1:]), torch.randint(2, (4,)))
    finally:
        gc.enable()
    assert step.replay is not None and not nodes


class Reads(nn.Linear):
    """Its forward pass reads a value from the device, which a graph cannot hold."""

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input) * (1.0 if input.sum().item() > 0 else 2.0)


def test_a_step_that_cannot_be_captured_is_called_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    net = Reads(3, 2)
    step, plain = Captured(step_of(net), net, python_graph), step_of(net)
    for _ in range(EAGER + 4):
        batch = torch.randn(4, 3), torch.randint(2, (4,))
        loss, gradient = step(*batch), net.weight.grad
        assert torch.equal(loss, plain(*batch)) and torch.equal(gradient, net.weight.grad)
    assert [record.getMessage() for record in caplog.records] == [
        "the training step is not captured as a CUDA graph: operation not permitted when stream is capturing"
    ]


def test_on_the_cpu_a_step_is_not_captured() -> None:
    net = nn.Linear(3, 2)
    step = step_of(net)
    assert captured(step, net) is step


@pytest.mark.parametrize("add", ["register_forward_hook", "register_forward_pre_hook", "register_full_backward_hook"])
def test_a_network_with_hooks_is_not_captured(add: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their Python would run once and never again."""
    net = nn.Sequential(nn.Linear(3, 2))
    step = step_of(net)

    class OnCuda:
        device = torch.device("cuda")

    monkeypatch.setattr(net, "parameters", lambda: iter([OnCuda()]))
    assert isinstance(captured(step, net), Captured)
    getattr(net[0], add)(lambda *_: None)
    assert captured(step, net) is step
