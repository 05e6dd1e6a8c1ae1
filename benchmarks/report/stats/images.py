"""What the finite test set adds to the noise: accuracies with both errors, and McNemar's test of two networks."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from statsmodels.stats.contingency_tables import mcnemar

from benchmarks.report.stats.comparisons import counterparts
from benchmarks.report.stats.estimands import Estimate, fixed_tasks, holm
from benchmarks.report.stats.names import BASELINE
from benchmarks.report.stats.summary import CELL, TASK, scored
from benchmarks.schemas.correct import RUN, unpacked


def joined(rows: pd.DataFrame, correct: pd.DataFrame) -> pd.DataFrame:
    """The scored runs of which it is recorded which test images they classify correctly: column `right`, a bool each.

    Raises ValueError where what is recorded is not that of the run's row.
    """
    runs = scored(rows).merge(
        correct.assign(right=pd.Series(unpacked(correct), correct.index, dtype="object")), on=RUN, validate="one_to_one"
    )
    wrong = runs[(runs["right"].map(np.mean).astype(float) - runs["accuracy"]).abs() > 1e-9]
    for run in wrong.itertuples():
        name = f"{run.dataset} {run.network} {run.method} {run.target} {run.seed}"
        raise ValueError(f"correct.parquet does not belong to these rows: {name} has another test accuracy")
    return runs


def accuracy(right: np.ndarray) -> Estimate:
    """Mean accuracy of a method on images like these with seeds like these. right: bool [seeds, images].

    Seeds and images are crossed random effects. Their mean has the variance a + b - c: a, of the means of seeds; b, of
    the means of images; c, of what is left, which both hold. Degrees of freedom are Satterthwaite's. NaN with one seed.
    """
    seeds, images = right.shape
    of_seed, of_image, mean = right.mean(axis=1), right.mean(axis=0), float(right.mean())
    if seeds < 2:
        return Estimate(mean, math.nan, math.nan, 1, seeds)
    left = ((right - of_seed[:, None] - of_image + mean) ** 2).sum() / ((seeds - 1) * (images - 1))
    a, b, c = of_seed.var(ddof=1) / seeds, of_image.var(ddof=1) / images, left / (seeds * images)
    total = max(a + b - c, a, b)
    spread = a**2 / (seeds - 1) + b**2 / (images - 1) + c**2 / ((seeds - 1) * (images - 1))
    df = total**2 / spread if spread > 0 else seeds - 1
    return Estimate(mean, math.sqrt(total), float(df), 1, seeds)


def accuracies(runs: pd.DataFrame) -> pd.DataFrame:
    """A line per cell of what `joined` gave: its accuracy (a fraction) and half-widths of two 95 % t-intervals.

    half: over seeds alone; both_half: over seeds and test images. n: seeds. images: of the test set.
    """
    lines = []
    for cell, part in runs.groupby(CELL, sort=False):
        right = np.stack(part["right"].tolist())
        found = accuracy(right)
        seeds_alone = fixed_tasks(part.set_index(TASK)["accuracy"])
        lines.append((*cell, len(part), right.shape[1], found.mean, seeds_alone.half(), found.half()))
    return pd.DataFrame(lines, columns=[*CELL, "n", "images", "accuracy", "half", "both_half"])


def duels(runs: pd.DataFrame, examined: str) -> pd.DataFrame:
    """McNemar's test of each two networks of the same task and seed: every method against dense, and the examined
    method against every other at the same MACs.

    only_own, only_other: test images that one of the two alone classifies correctly. p: exact; p_holm: after Holm's
    correction over all tests of one task and target, those against dense by themselves.
    """
    key = [*TASK, "seed"]
    dense = runs.loc[runs["method"] == BASELINE, [*key, "right"]].rename(columns={"right": "right_other"})
    to_dense = runs[runs["method"] != BASELINE].merge(dense, on=key).assign(other=BASELINE)
    met = counterparts(runs, examined, "right").rename(columns={"right": "right_other", "right_examined": "right"})
    to_others = met.assign(other=met["method"], method=examined)
    pairs = pd.concat([to_dense, to_others], ignore_index=True)
    found = [_mcnemar(own, other) for own, other in zip(pairs["right"], pairs["right_other"], strict=True)]
    tests = pd.DataFrame(found, columns=["only_own", "only_other", "p"])
    table = pairs[[*CELL, "other", "seed"]].join(tests)
    family = table.groupby([*TASK, "target", table["other"] == BASELINE])["p"]
    return table.assign(p_holm=family.transform(lambda p: holm(p.to_numpy())) if len(table) else [])


def _mcnemar(own: np.ndarray, other: np.ndarray) -> tuple[int, int, float]:
    only_own, only_other = int((own & ~other).sum()), int((other & ~own).sum())
    both, neither = int((own & other).sum()), int((~own & ~other).sum())
    return only_own, only_other, float(mcnemar([[both, only_own], [only_other, neither]], exact=True).pvalue)
