"""What a killed run has already done: saved, restored in place, and never trusted if it is damaged."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from benchmarks.machine.files import write_sealed
from benchmarks.training.checkpoint import Journal, capture, restore


def everything(seed: int) -> dict[str, Any]:
    """One of each kind of state, with contents of its own."""
    generator = torch.Generator().manual_seed(seed)
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    for parameter in net.parameters():
        nn.init.normal_(parameter, generator=generator)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1 + seed, momentum=0.9)
    net(torch.rand(2, 1, 4, 4, generator=generator)).square().sum().backward()
    optimizer.step()
    factors = {"a": torch.rand(3, generator=generator, requires_grad=True)}
    return {"net": net, "optimizer": optimizer, "factors": factors, "rest": [generator, (torch.tensor(seed),), ()]}


def assert_equal(one: Any, other: Any) -> None:
    one, other = capture(one), capture(other)
    buffers = [io.BytesIO(), io.BytesIO()]
    for buffer, state in zip(buffers, (one, other), strict=True):
        torch.save(state, buffer)
    loaded = [torch.load(io.BytesIO(buffer.getvalue()), weights_only=True) for buffer in buffers]
    assert str(loaded[0]) == str(loaded[1])
    assert all(torch.equal(p, q) for p, q in zip(tensors(loaded[0]), tensors(loaded[1]), strict=True))


def tensors(state: Any) -> list[torch.Tensor]:
    if isinstance(state, torch.Tensor):
        return [state]
    values = state.values() if isinstance(state, dict) else state if isinstance(state, list | tuple) else []
    return [tensor for value in values for tensor in tensors(value)]


def test_every_kind_of_state_is_restored_in_place(tmp_path: Path) -> None:
    saved, other = everything(0), everything(1)
    Journal.write(tmp_path / "a", saved)
    factor = other["factors"]["a"]
    restore(other, Journal.read(tmp_path / "a"))
    assert_equal(saved, other)
    assert other["factors"]["a"] is factor and factor.requires_grad
    assert torch.rand(3, generator=saved["rest"][0]).tolist() == torch.rand(3, generator=other["rest"][0]).tolist()


def test_what_was_captured_does_not_change_with_the_tensor() -> None:
    tensor = torch.zeros(2, requires_grad=True)
    saved = capture([tensor])
    with torch.no_grad():
        tensor += 1
    assert saved[0].tolist() == [0, 0] and not saved[0].requires_grad


@pytest.mark.parametrize("state", [3, 0.5, "text", None, {"a": 1}])
def test_a_state_that_cannot_be_restored_in_place_is_named(state: Any) -> None:
    with pytest.raises(TypeError, match="cannot be restored in place"):
        restore(state, capture(state))


def test_a_state_of_another_form_is_not_half_restored() -> None:
    with pytest.raises(ValueError, match=r"argument 2 is (longer|shorter)"):
        restore([torch.zeros(1)], [torch.ones(1), torch.ones(1)])


@pytest.mark.parametrize("damage", [lambda blob: blob[:-7], lambda blob: blob[:99] + b"?" + blob[100:], lambda _: b""])
def test_a_save_that_is_cut_short_or_altered_counts_as_not_there(
    tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "loop"
    Journal.write(path, {"a": torch.arange(100)})
    path.write_bytes(damage(path.read_bytes()))
    with pytest.warns(UserWarning, match="cut short or altered"):
        assert Journal.read(path) is None


def test_a_save_that_is_not_there_is_no_reason_to_warn(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    assert Journal.read(tmp_path / "missing") is None
    assert not recwarn.list


class Bomb:
    """A pickle that writes a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_a_planted_pickle_is_not_executed(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    torch.save({"state": Bomb(tmp_path / "executed")}, buffer)
    for name, blob in (("torch", buffer.getvalue()), ("plain", pickle.dumps(Bomb(tmp_path / "executed"), protocol=2))):
        write_sealed(tmp_path / name, blob)
        with pytest.raises(ValueError, match=rf"{name} is no save of a run") as caught:
            Journal.read(tmp_path / name)
        assert caught.value.__cause__ is None and caught.value.__suppress_context__, "nothing says how to run it"
    assert not (tmp_path / "executed").exists()
    torch.load(io.BytesIO(buffer.getvalue()), weights_only=False)
    assert (tmp_path / "executed").exists(), "the pickle is a real one"


def test_loops_are_numbered_in_the_order_of_their_calls(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "new" / "run")
    assert [journal.open().name for _ in range(3)] == ["loop-0001", "loop-0002", "loop-0003"]
    assert journal.folder.is_dir() and Journal(journal.folder).open().name == "loop-0001"
