"""Tables: accuracies with the noise of the test set, and networks against each other image by image."""

from __future__ import annotations

import pandas as pd

from benchmarks.report.stats.images import accuracies, duels, joined
from benchmarks.report.stats.names import subject
from benchmarks.report.stats.summary import CELL, LEVEL
from benchmarks.report.text.sheets import Sheet, Tables
from benchmarks.report.text.words import lines, number, one_line, tasks

ABSENT = "It is not recorded which test images the runs classify correctly."


def noise(rows: pd.DataFrame, correct: pd.DataFrame) -> Tables:
    """Accuracy of every cell with two intervals, a sheet per task."""
    table = accuracies(joined(rows, correct))
    sheets = [Sheet(title, _accuracies(part), _of_accuracies(part)) for title, part in tasks(table)]
    return Tables(table, sheets, ABSENT)


def image_by_image(rows: pd.DataFrame, correct: pd.DataFrame) -> Tables:
    """McNemar's tests, a line for all seeds of two methods, a sheet per task."""
    table = duels(joined(rows, correct), subject(rows))
    sheets = [Sheet(title, _duels(part), _of_duels(), names=3) for title, part in tasks(table)]
    return Tables(table, sheets, ABSENT)


def _accuracies(part: pd.DataFrame) -> pd.DataFrame:
    cells = [
        {
            "Method": one_line(line.method),
            "Target": one_line(line.target),
            "n": str(line.n),
            "Accuracy, %": number(100 * line.accuracy, ".2f"),
            "± seeds": number(100 * line.half, ".2f"),
            "± seeds and test images": number(100 * line.both_half, ".2f"),
        }
        for line in lines(part)
    ]
    return pd.DataFrame(cells)


def _of_accuracies(part: pd.DataFrame) -> str:
    return (
        f"Test accuracy: mean over n seeds, with half-widths of two 95 % t-intervals, in points: over seeds, for "
        f"exactly these {part['images'].iloc[0]} test images; and over seeds and test images, for images like these."
    )


def _duels(part: pd.DataFrame) -> pd.DataFrame:
    cells = []
    for (method, target, other), pairs in part.groupby([*CELL[2:], "other"], sort=False):
        shown, more = pairs["p_holm"] < 1 - LEVEL, pairs["only_own"] > pairs["only_other"]
        cells.append({
            "Method": one_line(str(method)),
            "Target": one_line(str(target)),
            "Against": one_line(str(other)),
            "n": str(len(pairs)),
            "Only the method": number(pairs["only_own"].mean(), ".1f"),
            "Only the other": number(pairs["only_other"].mean(), ".1f"),
            "Better, seeds": str((shown & more).sum()),
            "Worse, seeds": str((shown & ~more).sum()),
        })  # fmt: skip
    return pd.DataFrame(cells)


def _of_duels() -> str:
    return (
        "Two networks of the same seed on the same test images. Only the method, only the other: images that this "
        "network alone classifies correctly, mean over n seeds. Better, worse: seeds at which McNemar's exact test at "
        "5 % tells the two networks apart, after Holm's correction over all tests at this target, those against dense "
        "by themselves. The test is of two networks; a difference of two methods is judged over seeds."
    )
