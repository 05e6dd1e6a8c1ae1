"""The page holds everything, escapes everything and asks no server for anything."""

from __future__ import annotations

import base64
import gzip
import json
import math
import re
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from benchmarks.report.claims.judge import claims
from benchmarks.report.figures import style
from benchmarks.report.figures.registry import FIGURES, OF_HISTORIES
from benchmarks.report.figures.style import looks
from benchmarks.report.page import page as pages
from benchmarks.report.page import points, runs
from benchmarks.report.page.page import ASSETS, HERE, Drawing, TableText, _digest, answers
from benchmarks.report.stats.rows import collected
from benchmarks.report.stats.summary import summary
from benchmarks.report.tables import summary as tables
from benchmarks.report.tables.registry import TABLES
from benchmarks.report.text import sheets
from tests.report.conftest import METHODS, make_hostile, make_study

HARD = "<script>alert('ü')</script>&\"'</SCRIPT><!--"


class Elements(HTMLParser):
    """Tags with their attributes, and the text of scripts by id."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.payload = ""
        self.inside = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.inside = dict(attrs).get("id") == "payload"

    def handle_endtag(self, tag: str) -> None:
        self.inside = False

    def handle_data(self, data: str) -> None:
        self.payload += data if self.inside else ""


def payload(text: str) -> dict[str, Any]:
    """What the page's script unpacks."""
    return json.loads(gzip.decompress(base64.b64decode(Elements(text).payload)))  # type: ignore[no-any-return]


def histories(rows: pd.DataFrame, epochs: int = 16) -> pd.DataFrame:
    """A loss that falls, for every run; channels in the phase of learning alone."""
    cells = rows[["dataset", "network", "seed"]].assign(cell=rows["method"] + "@" + rows["target"])
    course = pd.DataFrame({"epoch": range(1, epochs + 1)}).assign(
        phase=lambda t: t["epoch"].map(lambda e: "learn" if e <= epochs / 2 else "finetune"),
        train_loss=lambda t: 2.3 / t["epoch"],
        channels=lambda t: (226.0 - t["epoch"]).where(t["epoch"] <= epochs / 2),
    )
    return cells.merge(course, how="cross")


def page(rows: pd.DataFrame, *parts: Any) -> str:
    """The page as the workflow composes it."""
    return pages.page(rows, claims(rows), looks(rows["method"]), *parts)


@pytest.fixture
def text(study: pd.DataFrame) -> str:
    table = TableText("summary", tables.html(summary(study)), r"\begin{table}", "method\n")
    return page(study, histories(study), [table], [Drawing("accuracy_macs", b"<svg/>", "What <it> shows.")])


def test_the_same_rows_give_the_same_bytes(study: pd.DataFrame) -> None:
    assert page(study.copy(), histories(study)) == page(study, histories(study))


def test_nothing_is_fetched(text: str) -> None:
    """The browser's own rule stands in the page: no source but itself, and no script but these two."""
    found = Elements(text)
    sources = [value or "" for _, attrs in found.tags for name, value in attrs.items() if name in ("src", "srcset")]
    assert sources == [], "figures come from the payload"
    assert not [tag for tag, _ in found.tags if tag in ("link", "iframe", "object", "embed", "image", "base", "form")]
    assert not [attrs for _, attrs in found.tags if any(name.startswith("on") for name in attrs)]
    assert all((attrs["href"] or "").startswith("#") for tag, attrs in found.tags if tag == "a")
    policy = next(attrs["content"] or "" for tag, attrs in found.tags if attrs.get("http-equiv"))
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert policy.endswith("; base-uri 'none'; form-action 'none'")
    scripts = re.search(r"script-src ([^;]*)", policy)
    assert scripts and re.fullmatch(r"'sha256-[\w+/]{43}=' 'sha256-[\w+/]{43}='", scripts[1])


def test_ids_are_unique_and_every_reference_has_one(text: str) -> None:
    tags = Elements(text).tags
    ids = [attrs["id"] for _, attrs in tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    named = ("for", "aria-labelledby", "aria-describedby")
    pointed = [value for _, attrs in tags for name, value in attrs.items() if name in named]
    pointed += [(attrs["href"] or "#")[1:] for tag, attrs in tags if tag == "a"]
    assert pointed and set(pointed) <= set(ids)


def test_verdicts_come_first_then_the_plot_then_runs_tables_and_figures(text: str) -> None:
    order = [
        "claims made for the switcher network",
        'class="claims"',
        'id="chart"',
        'id="table"',
        'id="tables"',
        "<figure>",
        "<dl>",
    ]
    places = [text.index(part) for part in order]
    assert places == sorted(places)


def test_every_row_is_in_it_with_all_its_columns_and_digits(text: str, study: pd.DataFrame) -> None:
    columns = payload(text)["columns"]
    assert list(columns) == list(runs.COLUMNS)
    accuracies = [math.nan if value is None else value for value in columns["test_accuracy"]]
    pd.testing.assert_series_equal(pd.Series(accuracies), study["test_accuracy"], check_names=False, check_exact=True)
    assert columns["widths"] == list(study["widths"])


def test_all_text_is_escaped() -> None:
    rows = make_hostile(HARD)
    made = page(rows, None, [TableText(HARD, "", HARD, HARD)], [Drawing(HARD, HARD.encode(), HARD)])
    assert made.lower().count("<script") == made.lower().count("</script") == 3
    assert HARD not in made
    assert set(payload(made)["columns"]["reason"]) == {HARD}
    assert "alert('ü')</script>&" not in made


def test_a_name_that_markdown_would_escape_is_shown_as_it_is() -> None:
    made = page(make_hostile("a|*b*"))
    assert "<td>switcher,a|*b* - a|*b*, points of test accuracy</td>" in made and "\\*" not in made.split("<script")[0]


@pytest.mark.parametrize("name", ASSETS)
def test_the_page_s_script_writes_nothing_but_text(name: str) -> None:
    ways = "innerHTML|outerHTML|insertAdjacentHTML|setHTML|document.write|createContextualFragment|DOMParser|srcdoc"
    assert not re.search(rf"{ways}|\beval\(|\bFunction\(", (HERE / "assets" / name).read_text())


@pytest.mark.parametrize("script", ["a </SCRIPT> b", "a \r\n b"])
def test_a_script_whose_hash_would_be_another_in_the_page_is_refused(script: str) -> None:
    """An end tag ends it early, and browsers read CR as LF."""
    with pytest.raises(AssertionError):
        _digest(script)


def test_a_history_goes_to_its_row_and_a_long_one_is_thinned_out(study: pd.DataFrame) -> None:
    found = runs.curves(study, histories(study).iloc[16:])
    assert found[0] is None and all(found[1:])
    assert found[1] is not None and found[1]["epoch"] == list(range(1, 17)) and found[1]["train_loss"][0] == 2.3
    assert found[1]["phase"][7:9] == ["learn", "finetune"] and "validation_accuracy" not in found[1]
    long = runs.curves(study.head(1), histories(study.head(1), epochs=2 * runs.POINTS))[0]
    assert long is not None and len(long["epoch"]) == runs.POINTS
    assert long["epoch"][0] == 1 and long["epoch"][-1] == 2 * runs.POINTS


def test_what_is_recorded_once_is_never_thinned_out(study: pd.DataFrame) -> None:
    table = histories(study.head(1), epochs=2 * runs.POINTS)
    table.loc[[1, 777], "validation_accuracy"] = [0.5, 0.75]
    found = runs.curves(study.head(1), table)[0]
    assert found is not None and [x for x in found["validation_accuracy"] if x is not None] == [0.5, 0.75]


def test_what_is_empty_is_left_out_and_named_at_the_end(study: pd.DataFrame) -> None:
    """A page of free runs alone held nine frames and tables with one sentence each."""
    free = study[study["target"] == "free"]
    made = {name: table(free) for name, table in TABLES.items()}
    texts = [TableText(name, sheets.html(table), sheets.tex(table), sheets.csv(table)) for name, table in made.items()]
    drawings = [Drawing(name, b"<svg/>", caption) for name, (_, caption) in drawn(free, histories(free)).items()]
    text = page(free, None, texts, drawings)
    images = {attrs["data-figure"] for tag, attrs in Elements(text).tags if tag == "img"}
    assert set(payload(text)["figures"]) == images >= {"difference", "accuracy_macs", "curves"}
    assert not images & {"ranks", "profiles", "equal_macs", "ablation", "trajectories"}
    assert set(payload(text)["tables"]) >= {"summary", "failures"} and "ranks" not in payload(text)["tables"]
    missing = "ablation, controls, equal_macs, matched, profiles, ranks, trajectories"
    assert f"Not shown, since the runs for them are missing: {missing}." in text
    assert "Not shown" not in page(free, None, texts[:1], drawings[:1])


def test_a_caption_over_few_seeds_is_no_empty_figure() -> None:
    assert not pages.EMPTY.search("mean over n=0 to 3 seeds; n=10 tasks")
    assert pages.EMPTY.search("mean over n=0 seeds") and pages.EMPTY.search("at each target (n=0)")


def test_a_name_breaks_after_its_knobs() -> None:
    broken = pages.breakable("<tr><td>switcher,input=noise,lr=1</td><td>[-1.0, 2.0]</td></tr>")
    assert broken == "<tr><td>switcher,<wbr>input=noise,<wbr>lr=1</td><td>[-1.0, 2.0]</td></tr>"


def test_rows_alone_are_enough(row: Any) -> None:
    made = page(pd.DataFrame([row()]))
    assert payload(made)["histories"] == [] and "1 run, 1 method" in made
    assert 'id="tables"' not in made and 'id="figures"' not in made


def test_a_dataset_that_two_studies_of_a_collection_share_counts_once(study: pd.DataFrame) -> None:
    both = collected("both", {"one": study, "two": study, "three": study.assign(dataset="digits (old)")})
    assert both["dataset"].nunique() == 3 and pages.counts(both)["dataset"] == 2
    assert pages.counts(study)["dataset"] == 1


def test_a_failed_run_is_in_the_table_and_not_in_the_plot(row: Any) -> None:
    rows = pd.DataFrame([row(status="diverged", test_accuracy=math.nan, reason="loss is nan")])
    shown = {column["name"]: column["values"] for column in runs.shown(rows)}
    assert (shown["accuracy, %"], shown["status"], shown["MACs kept, %"]) == ([None], ["diverged"], [50])
    (task,) = points.payload(rows, looks(rows["method"]))["tasks"]
    assert task["cells"] == [] and task["domain"] is None


def test_the_plot_looks_at_the_bulk_and_says_how_many_it_leaves_out(row: Any) -> None:
    rows = pd.DataFrame([row(seed=i, test_accuracy=x) for i, x in enumerate([0.9, 0.91, 0.92, 0.93, 0.1])])
    low, high = points.domain(rows) or (0, 0)
    assert 89 < low < 90 and 93 < high < 94 and points.outliers(rows) == 1


def test_marks_at_the_same_target_do_not_hide_each_other(study: pd.DataFrame) -> None:
    for task in points.payload(study, looks(study["method"]))["tasks"]:
        for target in ("macs=0.5", "match:switcher"):
            shifts = [cell["shift"] for cell in task["cells"] if cell["target"] == target]
            assert len(set(shifts)) == len(shifts) > 3 and abs(sum(shifts)) < 0.01


def test_a_picture_is_read_back_as_it_was_written(study: pd.DataFrame) -> None:
    svg = '<svg xmlns=\'a\'>\n<text fill="#fff">100 % of "ü" &amp; &lt;script></text>\n</svg>'
    text = page(study, None, [], [Drawing("a", svg.encode(), "")])
    (tag,) = [attrs for tag, attrs in Elements(text).tags if tag == "img"]
    assert payload(text)["figures"] == {tag["data-figure"]: svg}


@pytest.fixture(scope="module")
def large() -> pd.DataFrame:
    """1,300 runs: ten methods, at their targets, on eight tasks, with ten seeds."""
    whole = make_study(METHODS, seeds=10)
    names = {
        "lenet5": ["lenet5", "lenet5_wide", "vgg8_bn", "wrn16_4"],
        "resnet8": ["resnet8", "resnet20", "vit", "densenet"],
    }
    copies = [
        whole.replace({"network": dict(zip(names, pair, strict=True))}) for pair in zip(*names.values(), strict=True)
    ]
    return pd.concat(copies, ignore_index=True).head(1300)


def test_a_page_of_1300_runs_with_long_histories_and_every_table_and_figure_takes_less_than_two_megabytes(
    large: pd.DataFrame, tmp_path: Path
) -> None:
    assert len(large) == 1300
    long = histories(large, epochs=160)
    long["train_loss"] *= np.random.default_rng(0).uniform(0.9, 1.1, len(long))  # digits that no packing foresees
    long["alive/conv1"] = long["channels"]
    drawings = []
    for name, (figure, caption) in drawn(large, long).items():
        style.save(figure, caption, tmp_path / name, ["svg"])
        drawings.append(Drawing(name, (tmp_path / f"{name}.svg").read_bytes(), caption))
    made = {name: table(large) for name, table in TABLES.items()}
    texts = [TableText(name, sheets.html(table), sheets.tex(table), sheets.csv(table)) for name, table in made.items()]
    text = page(large, long, texts, drawings)
    assert len(payload(text)["histories"]) == 1300 and len(drawings) == len(FIGURES) + len(OF_HISTORIES)
    assert text.count("<img") == len(drawings) - 1, "without variants, the page has no figure of them"
    assert len(text.encode()) < 2e6


def drawn(rows: pd.DataFrame, course: pd.DataFrame) -> dict[str, tuple[Figure, str]]:
    """Every figure with its caption."""
    figures = {name: draw(rows) for name, draw in FIGURES.items()}
    return figures | {name: draw(rows, course) for name, draw in OF_HISTORIES.items()}


def test_one_claim_fails_and_several_fail(study: pd.DataFrame) -> None:
    judged = [SimpleNamespace(verdict=verdict) for verdict in ("fails", "holds", "holds", "undecided", "not judged")]
    said, *_ = answers(study, judged)
    assert said == ("Of the 5 claims made for the switcher network, 2 hold, 1 fails, 1 is undecided, 1 is not judged.")
