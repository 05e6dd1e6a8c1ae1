"""Own rows against the published rows of the same study, in words."""

from __future__ import annotations

import math

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from benchmarks.report.stats.reproduction import MARGIN, VERDICTS, Comparison
from benchmarks.report.stats.summary import TASK
from benchmarks.report.text.sheets import Sheet, Tables
from benchmarks.report.text.words import lines, number


def conclusion(found: Comparison) -> str:
    """The answer in a sentence, what failed on one side, how far all moved, and what speaks against a comparison."""
    table = found.cells
    counts = table["verdict"].value_counts()
    same, agree = counts.get("identical", 0), counts.get("agrees", 0)
    rest = [f"{counts[name]} {name}" for name in ("differs", "undecided", "not comparable") if name in counts]
    moved = int((table["same_hashes"] - table["identical"]).clip(lower=0).sum())
    sentences = [
        f"{found.outcome}: {same + agree} of {len(table)} cells agree within {MARGIN} points of test accuracy"
        f" ({same} of them to the bit{'; ' if rest else ''}{', '.join(rest)}).",
        _failures(table),
        _shift(found),
    ]
    if found.versions[0] != found.versions[1]:
        sentences.append("Rows of versions {} and {} are not comparable.".format(*found.versions))
    if moved:
        sentences.append(f"At least {moved} rows of the same code and config differ: another machine, or thread count.")
    return " ".join(filter(None, sentences))


def _failures(table: pd.DataFrame) -> str:
    own, published = int(table["failed"].sum()), int(table["failed_published"].sum())
    sides = f"{own} in the own rows, {published} in the published rows"
    return f"Runs that failed on one side alone: {sides}." if own or published else ""


def _shift(found: Comparison) -> str:
    mean, low, high, n = (found.shift[name] for name in ("difference", "low", "high", "pairs"))
    if math.isnan(low):
        return ""
    verdict = "they have moved" if found.shifted else "no shift is shown"
    return f"Mean over all cells: {mean:+z.2f} ({low:+z.2f} to {high:+z.2f}) points, n={n} tasks and seeds; {verdict}."


def display(table: pd.DataFrame) -> pd.DataFrame:
    """The lines as text."""
    return pd.DataFrame(
        [
            {
                "Cell": f"{x.dataset}, {x.network}: {x.method} ({x.target})",
                "Own, %": number(x.mean, ".2f") + (f" ± {x.half:.2f}" if not math.isnan(x.half) else ""),
                "Published, %": number(x.published, ".2f"),
                "In own interval": {True: "yes", False: "no"}.get(x.inside, "–"),
                "Difference, points": number(x.difference, "+z.2f")
                + (f" [{x.low:+z.2f}, {x.high:+z.2f}]" if not math.isnan(x.low) else ""),
                "Pairs": str(x.pairs),
                "TOST p": number(x.p_tost, ".3f"),
                "Same to the bit": f"{x.identical} of {x.rows}",
                "Verdict": x.verdict,
            }
            for x in lines(table)
        ]
    )


def tables(found: Comparison) -> Tables:
    """The comparison as one table for people; its caption ends with the conclusion."""
    sheet = Sheet("Own rows against published rows", display(found.cells), " ".join(notes(found)), names=1)
    return Tables(found.cells, [sheet])


def show(found: Comparison, console: Console | None = None) -> None:
    """Print the comparison on the terminal, within 80 columns where names are short: what decides, then the answer."""
    console = console or Console()
    for (dataset, network), part in found.cells.groupby(TASK, sort=False):
        title = escape(f"{dataset}, {network}")
        grid = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
        cells = display(part)[["Own, %", "Published, %", "Difference, points", "Same to the bit", "Verdict"]]
        wide = max(map(len, [*part["method"], *part["target"]]))
        grid.add_column("Method", overflow="fold", min_width=min(wide, 16))
        for heading in ("Own, %", "Publ.,\n%", "Difference,\npoints", "Same\nbits", "Verdict"):
            grid.add_column(heading, justify="right", no_wrap=True)
        for target, numbers in part.reset_index().groupby("target", sort=False).groups.items():
            grid.add_row(f"[dim]{escape(str(target))}[/dim]")
            for i in numbers:
                grid.add_row(escape(part["method"].iloc[i]), *map(escape, cells.iloc[i]))
        console.print(grid)
    console.print(*map(escape, notes(found)), sep="\n")


def notes(found: Comparison) -> list[str]:
    """What the verdicts mean, and the conclusion."""
    meanings = [f"{name}: {meaning}" for name, meaning in VERDICTS.items() if name in set(found.cells["verdict"])]
    return [f"{'; '.join(meanings)}.", conclusion(found)]
