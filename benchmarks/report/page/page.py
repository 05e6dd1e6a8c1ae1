"""The page: one self-contained index.html, verdicts first, that loads nothing from a network.

The table of runs is our own 80 lines (assets/table.js) and not itables: that adds 0.9 MB, compiles strings to code and
loads itself from a blob, which the page's content security policy would have to allow, and names its parts at random.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import vl_convert
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from benchmarks.report.page import points, runs
from benchmarks.report.stats.evidence import Claim, Finding, Verdict
from benchmarks.report.stats.rows import members, study_name, without_study
from benchmarks.report.text import answers as text_answers
from benchmarks.report.text.findings import LEGEND, findings, interval
from benchmarks.schemas.rows import COLUMNS

HERE = Path(__file__).parent
ASSETS = ("table.js", "run.js", "plot.js", "main.js")
PROVENANCE = ("version", "torch", "device", "threads", "code_hash", "config_hash")
TITLES = {
    "accuracy_macs": "Accuracy against size",
    "accuracy_cost": "Accuracy against training cost",
    "channels": "Learned structures",
    "controls": "Against the controls at equal MACs",
    "cost": "Cost of training and of running",
    "curves": "Training curves",
    "difference": "Difference to the dense network",
    "equal_macs": "Against the control at equal MACs, task by task",
    "matched": "The switcher network against others at the same MACs",
    "mcnemar": "Method against method, image by image",
    "overall": "Over all tasks",
    "published": "Published and measured numbers",
    "speedup": "Real against theoretical speed-up",
    "test_noise": "Accuracies with the noise of the test images",
}
VERDICTS: dict[Verdict, tuple[str, str]] = {
    "holds": ("holds", "hold"),
    "fails": ("fails", "fail"),
    "undecided": ("is undecided", "are undecided"),
    "not judged": ("is not judged", "are not judged"),
    "not testable": ("is not testable", "are not testable"),
}
"""What one claim of this verdict does, and what several do."""


EMPTY = re.compile(r"\bn=0(?! to)\b")
"""What the caption of a figure that rests on no run says."""


KNOBS = re.compile(r"<td>[^<]*=[^<]*</td>")
"""A cell of a table that names knobs."""


class Drawing(NamedTuple):
    """A figure as it was written: its name, its SVG, its caption."""

    name: str
    svg: bytes
    caption: str


class TableText(NamedTuple):
    """A table as it was written: its name, and the same numbers as an HTML fragment, LaTeX and CSV."""

    name: str
    html: str
    latex: str
    csv: str


def page(
    rows: pd.DataFrame,
    judged: Sequence[Claim],
    looks: Mapping[str, points.Look],
    histories: pd.DataFrame | None = None,
    tables: Sequence[TableText] = (),
    drawings: Sequence[Drawing] = (),
) -> str:
    """The whole page as HTML. All text from the rows is escaped; the same input gives the same bytes.

    judged: the claims, as these rows judge them. looks: method -> how it is drawn. histories: one line per run and
    epoch, as `gather` writes them.
    """
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "title_of": title_of,
        "decisive": decisive,
        "interval": interval,
        "breakable": breakable,
    }
    script = "(async () => {\n'use strict';\n" + "\n".join(_asset(name) for name in ASSETS) + "})();"
    # That no run failed is said; of other tables without a line the page names the missing ones at its end.
    filled = [sheet for sheet in tables if "<table" in sheet.html or sheet.name == "failures"]
    drawn = [drawing for drawing in drawings if not EMPTY.search(drawing.caption)]
    vega = vl_convert.javascript_bundle(snippet="window.vegaEmbed = vegaEmbed;")
    payload = {
        **runs.payload(rows, histories),
        **points.payload(rows, looks),
        "tables": {sheet.name: {"tex": sheet.latex, "csv": sheet.csv} for sheet in filled},
        "figures": {drawing.name: drawing.svg.decode() for drawing in drawn},
    }
    return environment.get_template("page.html.jinja").render(
        title=study_name(rows),
        members=members(rows),
        rows=rows,
        counts=counts(rows),
        answers=answers(rows, judged),
        claims=judged,
        findings=findings,
        legend=LEGEND,
        tables=filled,
        drawings=drawn,
        absent=sorted({x.name for x in tables if x not in filled} | {x.name for x in drawings if x not in drawn}),
        provenance={name: sorted(set(rows[name].map(runs.text))) for name in PROVENANCE},
        meanings=COLUMNS,
        payload=packed(json.dumps(payload)),
        style=Markup(_asset("page.css")),
        vega=packed(vega),
        script=Markup(script),
        hashes=" ".join(f"'sha256-{_digest(text)}'" for text in (vega, script)),
    )


def counts(rows: pd.DataFrame) -> dict[str, int]:
    """What the study holds, in the words of the page's first line; a dataset that two studies share counts once."""
    return {
        "run": len(rows),
        "method": rows["method"].nunique(),
        "dataset": without_study(rows["dataset"]).nunique(),
        "network": rows["network"].nunique(),
        "seed": rows["seed"].nunique(),
    }


def answers(rows: pd.DataFrame, judged: Sequence[Claim]) -> list[str]:
    """The study in a few sentences: the verdicts, and what was found."""
    verdicts = Counter(claim.verdict for claim in judged)
    said = [f"{n} {does[n > 1]}" for verdict, does in VERDICTS.items() if (n := verdicts[verdict])]
    sentences = [f"Of the {len(judged)} claims made for the switcher network, {', '.join(said)}."]
    return [*sentences, *text_answers.answers(rows)]


def title_of(name: str) -> str:
    """The heading of a table or figure of this name."""
    return TITLES.get(name, name.replace("_", " ").capitalize())


def breakable(html: str) -> Markup:
    """The table, in which a name may break after each of its knobs and not within one."""
    return Markup(KNOBS.sub(lambda cell: cell[0].replace(",", ",<wbr>"), html))


def packed(text: str) -> str:
    """The text for the page's script, which unpacks it: base64 of gzip, a quarter of its size."""
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def decisive(claim: Claim) -> Finding | None:
    """The statistic that a hurried reader should see."""
    return next((f for f in claim.findings if f.over.runs), None)


def _asset(name: str) -> Any:
    return (HERE / "assets" / name).read_text(encoding="utf-8")


def _digest(script: str) -> str:
    # Nothing but these very scripts may run: see the content security policy in the template.
    assert "</script" not in script.lower() and "\r" not in script
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
