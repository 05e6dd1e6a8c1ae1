"""The page: one self-contained index.html, verdicts first, that asks no server for anything."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from benchmarks.report import figures, style, tables
from benchmarks.report.claims import claims
from benchmarks.report.display import number
from benchmarks.report.ledger import findings, limits
from benchmarks.report.statistics import summary
from benchmarks.rows import COLUMNS

FIGURES = {
    "Accuracy against size": figures.accuracy_against_macs,
    "Accuracy against training cost": figures.accuracy_against_cost,
    "Real against theoretical speed-up": figures.real_against_theoretical_speedup,
    "Learned structures": figures.channels_kept,
}
PROVENANCE = ("version", "torch", "device", "threads", "code_hash", "config_hash")
TEXT = ("dataset", "network", "method", "target", "seed", "status")


def page(rows: pd.DataFrame) -> str:
    """The whole page as HTML. All text from the rows is escaped; the same rows give the same bytes."""
    runs = run_table(rows)
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template("page.html.jinja").render(
        title=", ".join(sorted(set(rows["study"]))),
        claims=claims(rows),
        findings=findings,
        limits=limits,
        summary=Markup(tables.html(summary(rows))),
        figures=[_drawing(i, name, rows) for i, name in enumerate(FIGURES)],
        header={name: COLUMNS.get(name, name) for name in map(str, runs)},
        runs=runs.to_numpy().tolist(),
        provenance={name: ", ".join(sorted(map(str, set(rows[name])))) for name in PROVENANCE},
    )


def run_table(rows: pd.DataFrame) -> pd.DataFrame:
    """One line per run as text: what was run, and its main results in percent, milliseconds and seconds."""
    texts = {name: rows[name].map(str) for name in TEXT}
    numbers = {
        "accuracy, %": (100 * rows["test_accuracy"], ".2f"),
        "MACs kept, %": (100 * rows["macs"] / rows["macs_dense"], ".1f"),
        "params kept, %": (100 * rows["params"] / rows["params_dense"], ".1f"),
        "training MACs": (rows["train_macs"], ".3g"),
        "CPU ms, batch 128": (rows["latency_cpu_b128_ms"], ".2f"),
        "seconds": (rows[["seconds_pretrain", "seconds_learn", "seconds_finetune"]].sum(axis=1), ".0f"),
    }
    shown = {name: [number(value, form) for value in values] for name, (values, form) in numbers.items()}
    return pd.DataFrame({**texts, **shown, "reason": rows["reason"]})


def _drawing(place: int, name: str, rows: pd.DataFrame) -> dict[str, str]:
    figure, caption = FIGURES[name](rows)
    text = re.sub(r"<metadata>.*?</metadata>", "", style.svg(figure), flags=re.DOTALL)
    text = text[text.index("<svg") :]
    text = re.sub(
        r'width="([\d.]+)pt" height="[\d.]+pt"', lambda m: f'width="{1.4 * float(m[1]):.0f}pt"', text, count=1
    )
    # Two drawings in one page may not share ids.
    text = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>f{place}-", text)
    return {"name": name, "caption": caption, "svg": Markup(text)}
