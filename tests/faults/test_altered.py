"""Files that were cut short or altered: checkpoints, models, records, data. It is noticed; no number comes of it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import train
from benchmarks.data import prepared
from benchmarks.data.prepared import load
from benchmarks.measure import measure
from benchmarks.schemas.runs import load as load_runs
from benchmarks.schemas.runs import sha256
from benchmarks.schemas.spec import Spec
from benchmarks.training.checkpoint import Journal
from benchmarks.training.loop import Loops
from benchmarks.training.start import inputs_of
from tests.benchmarks.test_train import CPU, Bench, KilledError, specs, timeless

Damage = Callable[[bytes], bytes]
DAMAGES: list[Damage] = [
    lambda blob: blob[: len(blob) // 2],
    lambda blob: blob[:-1],
    lambda blob: b"",
    lambda blob: blob[:-9] + bytes([blob[-9] ^ 1]) + blob[-8:],
    lambda blob: blob[: len(blob) // 2] + bytes([blob[len(blob) // 2] ^ 128]) + blob[len(blob) // 2 + 1 :],
]
damages = pytest.mark.parametrize("damage", DAMAGES, ids=["half", "a byte short", "empty", "a bit", "another bit"])


def spoil(path: Path, damage: Damage) -> None:
    path.write_bytes(damage(path.read_bytes()))


def killed_after(bench: Bench, spec: Spec, saves: int, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """What an unfinished job has saved."""
    write, count = Journal.write, 0

    def mortal(path: Path, state: Any) -> None:
        nonlocal count
        count += 1
        write(path, state)
        if count == saves:
            raise KilledError

    with monkeypatch.context() as patched, pytest.raises(KilledError):
        patched.setattr(Journal, "write", staticmethod(mortal))
        bench.cell(spec)
    return sorted(bench.folder.glob("scratch/*/*/journal/loop-*"))


@damages
def test_a_checkpoint_of_an_unfinished_run(
    bench: Bench, spec: Spec, whole: Any, monkeypatch: pytest.MonkeyPatch, damage: Damage
) -> None:
    spoil(killed_after(bench, spec, 3, monkeypatch)[-1], damage)
    with pytest.warns(UserWarning, match="cut short or altered"):
        assert timeless(bench.cell(spec)) == whole


@damages
def test_what_a_finished_seed_left(bench: Bench, spec: Spec, whole: Any, damage: Damage) -> None:
    bench.cell(spec)
    (done,) = bench.folder.glob("scratch/*/*/finished")
    spoil(done, damage)
    with pytest.warns(UserWarning, match="cut short or altered"):
        assert timeless(bench.cell(spec)) == whole


@damages
def test_models_are_neither_measured_nor_started_from(bench: Bench, spec: Spec, damage: Damage) -> None:
    folder = bench.cell(spec)
    spoil(folder / "models.safetensors", damage)
    for read in (lambda: measure([(spec, folder)], bench.data, CPU), lambda: inputs_of(spec, folder, None)):
        with pytest.raises(ValueError, match=r"models\.safetensors is (cut short or )?altered.* delete it"):
            read()
    (folder / "models.safetensors").unlink()
    assert load_runs(bench.cell(spec))[0].record.has_network, "deleted, it is made again"


def test_any_bit_of_a_model_counts(bench: Bench, spec: Spec) -> None:
    path = bench.cell(spec) / "models.safetensors"
    blob = path.read_bytes()

    @given(st.integers(0, 8 * len(blob) - 1))
    def flipped(bit: int) -> None:
        path.write_bytes(blob[: bit // 8] + bytes([blob[bit // 8] ^ 1 << bit % 8]) + blob[bit // 8 + 1 :])
        with pytest.raises(ValueError, match=r"models\.safetensors is (cut short or )?altered"):
            load_runs(path.parent)

    flipped()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b'"seed": 0', b'"seed": "x"', r"0\.seed: Input should be a valid integer"),
        (b'"status": "', b'"status": "very ', r"0\.status: Input should be 'ok', 'diverged'"),
        (b'"steps": ', b'"steps": 1.', r"0\.spent\.\w+\.steps: Input should be a valid integer"),
        (b'"code_hash"', b'"code_hush"', r"0\.code_hash: Field required"),
    ],
)
def test_records_that_say_something_else(bench: Bench, spec: Spec, old: bytes, new: bytes, said: str) -> None:
    folder = bench.cell(spec)
    spoil(folder / "runs.json", lambda blob: blob.replace(old, new))
    with pytest.raises(ValueError, match=rf"runs\.json is altered \({said}.*\); delete it"):
        measure([(spec, folder)], bench.data, CPU)


def test_records_that_are_cut_short(bench: Bench, spec: Spec) -> None:
    folder = bench.cell(spec)
    spoil(folder / "runs.json", lambda blob: blob[:-30])
    with pytest.raises(ValueError, match=r"runs\.json is cut short or altered .*delete it"):
        measure([(spec, folder)], bench.data, CPU)


def test_models_of_another_run(bench: Bench, spec: Spec) -> None:
    """Each file is whole, but they do not belong together."""
    one, other = bench.cell(spec), bench.cell(specs(seeds=1)["uniform@macs=0.5"])
    (one / "models.safetensors").write_bytes((other / "models.safetensors").read_bytes())
    with pytest.raises(ValueError, match="seed 0 is not what was trained"):
        load_runs(one)


def test_models_that_are_altered_while_they_are_used(bench: Bench, spec: Spec) -> None:
    """What was checked is a copy of the file, not the file."""
    folder = bench.cell(spec)
    run = load_runs(folder)[0]
    alter(folder / "models.safetensors")
    assert sha256(run.weights.flat()) == run.record.models_sha256


def test_models_of_which_no_sum_was_taken(bench: Bench, spec: Spec) -> None:
    folder = bench.cell(spec)
    spoil(folder / "runs.json", lambda blob: blob.replace(b"models_sha256", b"models_sha255"))
    with pytest.raises(ValueError, match="seed 0 is not what was trained"):
        load_runs(folder)


def test_a_sum_is_of_names_values_and_shapes() -> None:
    one, other = torch.arange(4.0), torch.arange(4.0) + 1
    different = [
        {"a": one, "b": other},
        {"a": other, "b": one},
        {"a": one, "c": other},
        {"a": one.view(2, 2), "b": other},
    ]
    assert len({sha256(tensors) for tensors in different}) == 4


def alter(path: Path) -> None:
    """In place, as a careless program would: same file, same length, other pixels."""
    with path.open("r+b") as file:
        file.seek(-200, os.SEEK_END)
        file.write(bytes(range(200)))


def test_data_that_are_altered_while_they_are_trained_on(data: Path) -> None:
    """What was loaded stays what it was; the next job refuses the file."""
    parts = load(data, ("train", "test"), CPU)
    before = [parts[name].images.clone() for name in parts]
    alter(data)
    assert all(torch.equal(parts[name].images, images) for name, images in zip(parts, before, strict=True))
    with pytest.raises(ValueError, match="expected sha256"):
        load(data, ("train",), CPU)


def test_data_that_are_altered_while_they_are_read(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is checked first can be altered before it is read."""
    opened = prepared.safe_open

    def slow(*given: Any, **named: Any) -> Any:
        alter(data)
        return opened(*given, **named)

    monkeypatch.setattr(prepared, "safe_open", slow)
    with pytest.raises(ValueError, match="expected sha256"):
        load(data, ("train",), CPU)


@pytest.mark.parametrize(
    ("owner", "name", "calls"),
    [(Loops, "_close_epoch", 3), (train, "judge", 1)],
    ids=["trained on", "judged by"],
)
def test_streamed_data_that_are_altered_while_they_are_read(
    bench: Bench, spec: Spec, whole: Any, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, calls: int
) -> None:
    """They are the file itself: what was done since is not saved, and the file is refused until it is mended."""
    monkeypatch.setattr(prepared, "IN_MEMORY", 0)
    good = bench.data.read_bytes()
    write, reads, left = Journal.write, getattr(owner, name), calls
    saved_after: list[Path] = []

    def altering(*given: Any) -> Any:
        nonlocal left
        left -= 1
        if left == 0:
            alter(bench.data)
        return reads(*given)

    def saves(path: Path, state: Any) -> None:
        write(path, state)
        saved_after.extend([path] if left <= 0 else [])

    with monkeypatch.context() as patched, pytest.raises(ValueError, match="expected sha256"):
        patched.setattr(owner, name, altering)
        patched.setattr(Journal, "write", staticmethod(saves))
        bench.cell(spec)
    assert left == 0 and not saved_after
    with pytest.raises(ValueError, match="expected sha256"):
        bench.cell(spec)
    bench.data.write_bytes(good)
    assert timeless(bench.cell(spec)) == whole


@pytest.mark.parametrize("said", ["", "\n", "no sum at all", "0" * 63, "0" * 65, "\x00" * 64, "../" * 20, "\xff\xfe"])
def test_a_sum_that_is_none(data: Path, said: str) -> None:
    data.with_suffix(".sha256").write_bytes(said.encode("latin-1"))
    with pytest.raises(ValueError, match=r"digits\.sha256 must begin with the sha256 of digits\.safetensors, 64 hex"):
        load(data, ("train",), CPU)


def test_a_file_with_the_right_sum_that_holds_no_tensors(data: Path) -> None:
    data.write_bytes(b"GIF89a")
    data.with_suffix(".sha256").write_text(hashlib.sha256(b"GIF89a").hexdigest())
    with pytest.raises(ValueError, match=r"digits\.safetensors is no file of tensors"):
        load(data, ("train",), CPU)
