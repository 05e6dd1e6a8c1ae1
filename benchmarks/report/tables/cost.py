"""Table: what each method costs to train, what its pruned network saves, and the Pareto front."""

from __future__ import annotations

import pandas as pd

from benchmarks.report.stats.pareto import front, hypervolumes
from benchmarks.report.stats.summary import CELL, summary
from benchmarks.report.text.sheets import Sheet, Tables
from benchmarks.report.text.words import lines, number, one_line, tasks

PHASES = ("pretrain", "learn", "finetune")
SPENT = [f"{unit}_{phase}" for unit in ("epochs", "seconds") for phase in PHASES]


def cost(rows: pd.DataFrame) -> Tables:
    """Cost of training, pretraining and search included, and speed of the pruned network; a sheet per task."""
    table = summary(rows)
    spent = rows[rows["status"] == "ok"].groupby(CELL)[SPENT].mean()
    table = table.join(spent, on=CELL).assign(front=front(table))
    table = table.merge(hypervolumes(rows)[[*CELL[:3], "hypervolume", "hypervolume_half"]], on=CELL[:3], how="left")
    columns = [*CELL, "n", "cost", "cost_half", *SPENT, "accuracy", "difference", "speedup_cpu", "speedup_gpu"]
    return Tables(
        table[[*columns, "front", "hypervolume", "hypervolume_half"]],
        [Sheet(f"{title}: cost", _cells(part), _CAPTION) for title, part in tasks(table)],
    )


_CAPTION = (
    "Means over n seeds. Training: multiply-accumulates of the whole run, pretraining and search included, relative to "
    "dense; epochs of the shared start, of learning and of fine-tuning; seconds in all, on the machine that the rows "
    "name. Speed-up: measured at batch 128, against dense of the same seed. Front: no other line here has at least its "
    "mean accuracy with at most its mean MACs. Hypervolume: the area between MACs kept and accuracy that the method "
    "dominates with all its targets, of a square of 1."
)


def _cells(part: pd.DataFrame) -> pd.DataFrame:
    cells = [
        {
            "Method": one_line(line.method),
            "Target": one_line(line.target),
            "n": str(line.n),
            "Training MACs, × dense": number(line.cost, ".2f"),
            "Epochs": "+".join(number(getattr(line, f"epochs_{phase}"), ".3g") for phase in PHASES),
            "Seconds": number(sum(getattr(line, f"seconds_{phase}") for phase in PHASES), ".0f"),
            "Difference to dense, points": number(100 * line.difference, "+z.2f"),
            "CPU speed-up": number(line.speedup_cpu, ".2f"),
            "GPU speed-up": number(line.speedup_gpu, ".2f"),
            "Front": "yes" if line.front else "",
            "Hyper-volume": number(line.hypervolume, ".3f"),
        }
        for line in lines(part)
    ]
    return pd.DataFrame(cells)
