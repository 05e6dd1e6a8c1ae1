"""Tables at the same MACs: the examined method against every other, in pairs and in ranks; all against the controls."""

from __future__ import annotations

from collections.abc import Hashable

import pandas as pd

from benchmarks.report.stats.comparisons import Ranking, matched, matched_pairs, ranked_targets, ranking
from benchmarks.report.stats.estimands import fixed_tasks, holm, over_tasks
from benchmarks.report.stats.names import CONTROLS, plainest, subject
from benchmarks.report.stats.summary import FREE, TASK, summary
from benchmarks.report.text.sheets import Sheet, Tables
from benchmarks.report.text.words import between, failed, left_out, lines, number, one_line, p_value

MEANS = ["method", "tasks", "pairs", "difference", "fixed_half", "fixed_p", "over_half", "over_p"]
AGAINST = ["target", "control", *MEANS]


def matched_macs(rows: pd.DataFrame) -> Tables:
    """Accuracy at target MACs, and the examined method's minus it; a sheet per task and target."""
    examined = subject(rows)
    table, lost = matched(rows, examined), failed(summary(rows[rows["target"] != FREE]))
    groups = table.groupby([*TASK, "target"], sort=False)
    return Tables(
        table,
        [Sheet(_title(key, examined), _pairs(part), f"{_caption(examined)} {lost}", names=1) for key, part in groups],
        absent=f"No method was compared with {examined} at the same MACs.",
    )


def against_controls(rows: pd.DataFrame) -> Tables:
    """Which methods can be told apart from `uniform`, and which from `random`? A sheet per target and control.

    difference: accuracy of the method minus the control's, a fraction, paired by seed; the mean of the task means.
    fixed_half, over_half: half-widths of its 95 % t-intervals for exactly these tasks, and for tasks like these;
    fixed_p, over_p: of "no difference", two-sided, after Holm's correction over the methods of a sheet.
    """
    labels = filter(None, (plainest(key, rows["method"].unique()) for key in CONTROLS))
    groups = {
        (target, control): _against(part, control)
        for control in labels
        for target, part in matched_pairs(rows, control).groupby("target")
    }
    found = {key: groups[key] for target in ranked_targets(rows) for key in groups if key[0] == target}
    return Tables(
        pd.concat(found.values(), ignore_index=True) if found else pd.DataFrame(columns=AGAINST),
        [
            Sheet(
                one_line(f"At {target}, against {control}"),
                _against_cells(part),
                f"{_against_caption(control)} {failed(summary(rows[rows['target'] == target]))}",
                names=1,
            )
            for (target, control), part in found.items()
        ],
        absent=f"No method ran at the same MACs as {' or '.join(CONTROLS)}.",
    )


def ranks(rows: pd.DataFrame) -> Tables:
    """Average ranks over tasks, a sheet per target."""
    examined = subject(rows)
    found = {target: ranking(rows, target, examined) for target in ranked_targets(rows)}
    found = {target: one for target, one in found.items() if one.n and len(one.table) > 1}
    data = [one.table.assign(target=target, n=one.n, left_out="; ".join(one.left_out)) for target, one in found.items()]
    columns = ["target", "method", "average_rank", "p", "p_holm", "n", "left_out"]
    return Tables(
        pd.concat(data)[columns] if data else pd.DataFrame(columns=columns),
        [
            Sheet(f"Average ranks at {one_line(target)}", _ranks(one), rank_caption(one, examined), names=1)
            for target, one in found.items()
        ],
        absent="No two methods ran at the same target MACs.",
    )


def rank_caption(one: Ranking, examined: str) -> str:
    """What the ranks are over, and which of their differences count."""
    missing = f" {left_out(one.left_out)}".rstrip()
    return (
        f"Average rank of test accuracy (1 is best; mean over seeds, a failed run counts as accuracy 0) over n={one.n} "
        f"tasks (dataset × network).{missing} Friedman's test of equal ranks: p {p_value(one.friedman_p)}. Average "
        f"ranks that differ by less than {number(one.critical_difference, '.2f')} do not differ at 5 % (Nemenyi). p: "
        f"Wilcoxon's signed-rank test over tasks against {one_line(examined)}, two-sided, and after Holm's correction "
        "over the methods at this target."
    )


def _title(key: Hashable, examined: str) -> str:
    dataset, network, target = map(str, key if isinstance(key, tuple) else (key,))
    return one_line(f"{dataset}, {network}: {examined} against methods at {target}")


def _pairs(part: pd.DataFrame) -> pd.DataFrame:
    cells = [
        {
            "Method": one_line(line.method),
            "n": str(line.pairs),
            "Accuracy, %": number(100 * line.accuracy, ".2f"),
            "MACs kept, %": number(100 * line.macs_kept, ".1f"),
            "Difference, points": between(line.difference, line.difference_half),
            "Effect size": number(line.effect_size, "+z.2f"),
            "p": p_value(line.p),
            "p, Holm": p_value(line.p_holm),
        }
        for line in lines(part.sort_values("difference", kind="stable"))
    ]
    return pd.DataFrame(cells)


def _caption(examined: str) -> str:
    return (
        f"Difference: test accuracy of {one_line(examined)} minus the method's at the same MACs, paired by seed (n "
        "pairs), with its 95 % t-interval; above 0 it is better. Effect size: mean over standard deviation of the "
        "differences (Cohen's d_z). p: paired t-test, and after Holm's correction over the lines of a target."
    )


def _against(pairs: pd.DataFrame, control: str) -> pd.DataFrame:
    """The lines of one sheet, the best method first; of the pairs of one target (`matched_pairs` of the control)."""
    found = []
    for method, own in pairs.groupby("method"):
        fixed, over = (mean(-own.set_index(TASK)["difference"]) for mean in (fixed_tasks, over_tasks))
        numbers = (fixed.mean, fixed.half(), fixed.p_zero(), over.half(), over.p_zero())
        found.append((method, fixed.tasks, fixed.runs, *numbers))
    table = pd.DataFrame(found, columns=MEANS)
    corrected = {name: holm(table[name].to_numpy(dtype=float)) for name in ("fixed_p", "over_p")}
    table = table.assign(target=pairs["target"].iloc[0], control=control, **corrected)[AGAINST]
    return table.sort_values("difference", ascending=False, kind="stable", ignore_index=True)


def _against_cells(part: pd.DataFrame) -> pd.DataFrame:
    cells = [
        {
            "Method": one_line(line.method),
            "Tasks, n": f"{line.tasks}, {line.pairs}",
            "Difference, points": number(100 * line.difference, "+z.2f"),
            "Fixed tasks": between(line.difference, line.fixed_half, alone=True),
            "p, fixed": p_value(line.fixed_p),
            "Over tasks": between(line.difference, line.over_half, alone=True),
            "p, over": p_value(line.over_p),
        }
        for line in lines(part)
    ]
    return pd.DataFrame(cells)


def _against_caption(control: str) -> str:
    return (
        f"Difference: test accuracy of the method minus that of {one_line(control)} at the same MACs, paired by seed "
        "(n pairs); the mean of the task means (dataset × network). Fixed tasks: its 95 % t-interval for exactly these "
        "tasks; over tasks: for tasks like these, with tasks as the unit. p: of no difference (t, two-sided), after "
        "Holm's correction over the methods of this table. Below 0.05 a method can be told apart from the control. "
        "Means of different tasks cannot be compared with each other."
    )


def _ranks(one: Ranking) -> pd.DataFrame:
    cells = [
        {
            "Method": one_line(line.method),
            "Average rank": number(line.average_rank, ".2f"),
            "p": p_value(line.p),
            "p, Holm": p_value(line.p_holm),
        }
        for line in lines(one.table)
    ]
    return pd.DataFrame(cells)
