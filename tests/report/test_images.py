"""Which test images each run classifies correctly: intervals that cover, McNemar's test, and what is refused."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from benchmarks.report.stats.images import accuracies, accuracy, duels, joined
from benchmarks.report.tables.registry import OF_IMAGES
from benchmarks.report.text import sheets
from benchmarks.schemas import correct


@pytest.fixture
def recorded(row, dense) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Ten images, two seeds. Dense: all right; switcher: the last wrong; l1 at its MACs: the last nine wrong."""
    found = []
    for seed in (0, 1):
        found.append(dense(seed=seed) | {"correct": np.ones(10, bool)})
        found.append(row(method="switcher", target="free", seed=seed) | {"correct": np.arange(10) < 9})
        found.append(row(method="l1", target="match:switcher", seed=seed) | {"correct": np.arange(10) < 1})
    rows = pd.DataFrame([line | {"test_accuracy": line["correct"].mean()} for line in found])
    return rows.drop(columns="correct"), correct.table(found)


def test_mcnemar_is_the_sign_test_of_the_images_on_which_two_networks_differ(recorded) -> None:
    """Against dense, 1 of 1 and 9 of 9: p 1 and 2^-8; the switcher against l1, 8 of 8: 2^-7. Holm over two seeds."""
    found = duels(joined(*recorded), "switcher").set_index(["method", "target", "other", "seed"]).sort_index()
    assert len(found) == 6
    assert found.loc[("switcher", "free", "dense", 0), ["only_own", "only_other", "p"]].tolist() == [0, 1, 1]
    assert found.loc[("l1", "match:switcher", "dense", 1), ["only_own", "only_other", "p"]].tolist() == [0, 9, 2**-8]
    one = found.loc[("switcher", "match:switcher", "l1", 0)]
    assert one[["only_own", "only_other", "p", "p_holm"]].tolist() == [8, 0, 2**-7, 2**-6]


def test_tables_say_what_is_recorded(recorded) -> None:
    noise, mcnemar = (table(*recorded) for table in OF_IMAGES.values())
    assert noise.data["images"].tolist() == [10] * 3 and noise.data["n"].tolist() == [2] * 3
    cells = mcnemar.sheets[0].cells.set_index(["Method", "Against"])
    assert cells.loc[("switcher", "l1"), "Only the method":].tolist() == ["8.0", "0.0", "2", "0"]  # type: ignore[misc]
    assert cells.loc[("l1", "dense"), "Better, seeds":].tolist() == ["0", "2"]  # type: ignore[misc]
    assert all(write(table) for write in sheets.WRITERS.values() for table in (noise, mcnemar))


@pytest.mark.parametrize("name", OF_IMAGES)
def test_without_a_record_the_tables_say_so(recorded, name: str) -> None:
    table = OF_IMAGES[name](recorded[0], correct.table([]))
    assert not table.sheets and "not recorded" in sheets.markdown(table)


def test_a_record_of_other_runs_is_refused(recorded) -> None:
    rows, images = recorded
    rows.loc[1, "test_accuracy"] = 0.8
    with pytest.raises(ValueError, match="does not belong to these rows: digits lenet5 switcher free 0 has another"):
        joined(rows, images)


def test_a_run_without_a_score_has_no_place_in_means(recorded) -> None:
    rows, images = recorded
    rows.loc[1, "status"] = "collapsed"
    assert accuracies(joined(rows, images)).set_index("method")["n"].to_dict() == {"dense": 2, "switcher": 1, "l1": 2}


def test_the_error_of_images_alone_is_binomial_and_that_of_seeds_alone_is_of_their_means() -> None:
    """Seeds that err on the same 100 of 1,000 images differ in nothing: what is left is the noise of the images."""
    same = np.tile(np.arange(1000) >= 100, (5, 1))
    assert accuracy(same).error == pytest.approx(math.sqrt(0.9 * 0.1 / 999))
    apart = np.stack([np.arange(1000) >= n for n in (80, 100, 120)])
    found = accuracy(apart)
    assert found.mean == pytest.approx(0.9) and found.error > stats.sem([0.92, 0.9, 0.88])
    assert math.isnan(accuracy(same[:1]).error)


@pytest.mark.slow
@pytest.mark.parametrize(("of_seeds", "of_images"), [(0.02, 1.0), (0.3, 1.0), (0.1, 3.0), (0.0, 0.0)])
def test_intervals_over_seeds_and_images_cover_what_they_say(of_seeds: float, of_images: float) -> None:
    """In 95 % of studies, at least 93 %; that over seeds alone falls short where images matter."""
    rng, studies = np.random.default_rng(0), 600
    truth = stats.norm.cdf(1.5 / math.sqrt(1 + of_seeds**2 + of_images**2))
    covered = alone = 0
    for _ in range(studies):
        score = 1.5 + rng.normal(0, of_seeds, (5, 1)) + rng.normal(0, of_images, 1000)
        right = score + rng.normal(0, 1, (5, 1000)) > 0
        found, means = accuracy(right), right.mean(axis=1)
        covered += abs(found.mean - truth) <= found.half()
        alone += abs(found.mean - truth) <= stats.sem(means) * stats.t.ppf(0.975, 4)
    assert covered / studies >= 0.93
    assert of_images == 0 or of_seeds > 0.2 or alone / studies < 0.9


def test_bits_of_1000_runs_on_10000_images_take_little_more_than_their_number(tmp_path: Path) -> None:
    right = np.random.default_rng(0).random((1000, 10_000)) < 0.9
    run = {"dataset": "cifar10", "network": "resnet20", "method": "l1", "target": "macs=0.5"}
    lines = correct.table({**run, "seed": seed, "correct": own} for seed, own in enumerate(right))
    correct.write(tmp_path / "correct.parquet", lines)
    assert (tmp_path / "correct.parquet").stat().st_size < 1.3e6
    assert (np.stack(correct.unpacked(correct.read(tmp_path / "correct.parquet"))) == right).all()


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda path: path.write_bytes(b"no parquet"), r"correct.parquet is cut short or altered"),
        (lambda path: pd.DataFrame({"seed": [1]}).to_parquet(path), r"has columns \['seed'\]; allowed: \['dataset'"),
    ],
)
def test_a_file_that_is_no_record_is_refused(tmp_path: Path, made, said: str) -> None:
    made(tmp_path / "correct.parquet")
    with pytest.raises(ValueError, match=said):
        correct.read(tmp_path / "correct.parquet")


def test_a_number_of_images_that_is_no_multiple_of_eight(tmp_path: Path) -> None:
    own = np.arange(13) % 3 == 0
    run = {"dataset": "d", "network": "n", "method": "m", "target": "free", "seed": 0}
    correct.write(tmp_path / "correct.parquet", correct.table([{**run, "correct": own}, {**run, "correct": None}]))
    (read,) = correct.unpacked(correct.read(tmp_path / "correct.parquet"))
    assert read.tolist() == own.tolist()
