"""`split: seed`: what a draw keeps, and that a run's training uses it from start to row."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import measure, train
from benchmarks.data import prepared, stream
from benchmarks.data.dataset import Part
from benchmarks.data.split import drawn_anew
from benchmarks.training.checkpoint import Journal
from tests.benchmarks.test_train import CPU, Bench, KilledError, bench, data, records, specs, timeless

__all__ = ["bench", "data"]  # fixtures


def images(parts: dict[str, Part], *names: str) -> list[tuple[int, ...]]:
    """Every image with its label, as a tuple that can be sorted."""
    return sorted(
        (int(label), *image.flatten().tolist())
        for name in names
        for image, label in zip(parts[name].images, parts[name].labels, strict=True)
    )


@pytest.fixture
def fixed(data: Path) -> dict[str, Part]:
    return prepared.load(data, ("train", "validation"), CPU)


def test_a_draw_is_another_split_of_the_same_images_with_the_same_classes(fixed: dict[str, Part]) -> None:
    one, again, other = (drawn_anew(fixed, seed) for seed in (0, 0, 1))
    both = ("train", "validation")
    assert images(one, *both) == images(fixed, *both), "none is lost, none is doubled"
    for name in both:
        assert one[name].labels.bincount().equal(fixed[name].labels.bincount())
        assert one[name].images.equal(again[name].images) and not one[name].images.equal(other[name].images)
        assert one[name].mean.equal(fixed[name].mean), "as of the test part"
    assert images(one, "train") != images(fixed, "train")


def test_images_that_are_streamed_are_not_drawn_anew(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepared, "IN_MEMORY", 0)
    with pytest.raises(
        ValueError, match=r"split is 'seed', and .*digits.safetensors is streamed .*; allowed.* 'fixed'"
    ):
        drawn_anew(prepared.load(data, ("train", "validation"), CPU), 0)
    assert stream.Stream in Part.__subclasses__()


def test_every_method_and_network_has_the_split_of_its_seed_and_the_row_says_so(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, list[tuple[int, ...]]]] = []
    one = train.run_seed

    def watched(spec, inputs, parts, *rest):  # type: ignore[no-untyped-def]
        seen.append((inputs.seed, images(parts, "validation")))
        return one(spec, inputs, parts, *rest)

    monkeypatch.setattr(train, "run_seed", watched)
    made = specs(split="seed", methods=["dense", "uniform"], targets=["macs=0.5"])
    start = bench.start(made["start"])
    cells = [(made[name], bench.cell(made[name], start)) for name in ("dense@free", "uniform@macs=0.5")]
    assert len(seen) == 6 and len(dict(seen)) == 2
    assert all(dict(seen)[seed] == part for seed, part in seen), "the start and both methods share it"
    assert dict(seen)[0] != dict(seen)[1]
    rows = measure.measure(cells, bench.data, CPU)
    assert [row["split"] for row in rows] == ["seed"] * 4 and all(row["test_accuracy"] is not None for row in rows)


def test_a_source_network_has_the_split_of_what_transfers_from_it(fixed: dict[str, Part]) -> None:
    """Otherwise it would learn from images that validate the other network."""
    spec = specs(split="seed")["start"]
    of_each = [train._split(spec.model_copy(update={"network": name}), 0, fixed) for name in ("lenet5", "resnet8")]
    assert images(of_each[0], "validation") == images(of_each[1], "validation")


def test_the_default_keeps_hash_and_numbers(bench: Bench, tmp_path: Path) -> None:
    default, fixed, drawn = (
        specs(seeds=1, **own)["uniform@macs=0.5"] for own in ({}, {"split": "fixed"}, {"split": "seed"})
    )
    assert default == fixed and default.config_hash == fixed.config_hash != drawn.config_hash
    numbers = [records(Bench(tmp_path / one.split, bench.data).cell(one))[0] for one in (default, drawn)]
    assert numbers[0]["history"] != numbers[1]["history"]
    assert numbers[0]["macs"] == numbers[1]["macs"] and numbers[0]["epoch_steps"] == numbers[1]["epoch_steps"]


def test_a_killed_job_goes_on_with_the_same_split(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = specs(split="seed")["uniform@macs=0.5"]
    whole = bench.cell(spec)
    other = Bench(tmp_path / "other", bench.data)
    write, saves = Journal.write, 0

    def mortal(path: Path, state: object) -> None:
        nonlocal saves
        saves += 1
        if saves == 2:
            raise KilledError
        write(path, state)

    with monkeypatch.context() as patched, pytest.raises(KilledError):
        patched.setattr(Journal, "write", staticmethod(mortal))
        other.cell(spec)
    assert timeless(other.cell(spec)) == timeless(whole)
