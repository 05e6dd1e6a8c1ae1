"""results/published/index.html, one page that lists the published studies: python -m tools.published."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from benchmarks.registry import ROOT
from benchmarks.report.claims.judge import claims
from benchmarks.report.page.page import answers
from benchmarks.report.stats.rows import hardware, read_rows
from benchmarks.report.text.answers import answers as findings

PUBLISHED = ROOT / "results/published"


def question(config: str) -> str:
    """What a study asks: the first sentence of the comment that opens its config."""
    opening = re.match(r"(?:#.*\n)+", config)
    text = " ".join(line.lstrip("# ") for line in opening[0].splitlines()) if opening else ""
    return re.split(r"(?<=[.?])\s", text)[0]


def study(folder: Path) -> dict[str, Any]:
    """What the page says of a study."""
    rows = read_rows(folder / "rows.csv")
    lost = int((rows["status"] != "ok").sum())
    links = {"page": "index.html", "claims": "claims.md", "summary": "tables/summary.md", "rows": "rows.csv"}
    links = {name: f"{folder.name}/{path}" for name, path in links.items()}
    if (config := ROOT / f"config/{folder.name}.yaml").exists():
        links["config"] = f"../../config/{config.name}"
    return {
        "name": folder.name,
        "question": question(config.read_text(encoding="utf-8")) if config.exists() else "",
        "answer": answer(rows),
        "runs": f"{len(rows):,} runs ({lost or 'none'} failed)",
        "hardware": hardware(rows),
        "date": max(rows["finished_at"])[:10],
        "links": links,
    }


def answer(rows: pd.DataFrame) -> list[str]:
    """What its page says first, without the verdicts where no claim is judged."""
    judged = claims(rows)
    return findings(rows) if all(claim.verdict == "not judged" for claim in judged) else answers(rows, judged)


def folders() -> Iterator[Path]:
    """The published studies: the reference first, then the default, then the others by name."""
    found = [path.parent for path in PUBLISHED.glob("*/rows.csv")]
    first = ["reference", "quick"]
    yield from sorted(found, key=lambda path: (path.name not in first, path.name != first[0], path.name))


def written() -> str:
    """The page."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template("published.html.jinja").render(studies=map(study, folders()))


if __name__ == "__main__":
    (PUBLISHED / "index.html").write_text(written(), encoding="utf-8")
