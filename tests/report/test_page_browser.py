"""The page in Chromium, from disk: what a reader does with it, by mouse and by keyboard alone."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from benchmarks.report.figures import style
from benchmarks.report.figures.scatter import accuracy_against_macs
from benchmarks.report.page import page
from benchmarks.report.stats.summary import summary
from benchmarks.report.tables import summary as tables
from tests.report.conftest import METHODS, make_study
from tests.report.test_page import histories
from tests.report.test_page import page as composed

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here (Debian: apt-get install chromium)")
HARD = "<img src=x onerror=alert(1)>"
REASON = f'{HARD}\r\n"a", b'


@pytest.fixture(scope="module")
def study() -> pd.DataFrame:
    rows = make_study(METHODS)
    failed = rows["status"] != "ok"
    rows.loc[failed, "reason"] = REASON
    return rows.replace({"method": {"evolution": HARD}})


@pytest.fixture(scope="module")
def file(study: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    table = summary(study)
    texts = page.TableText("summary", tables.html(table), r"\toprule", table.to_csv(index=False))
    one = study[study["network"] == study["network"].iloc[0]]
    drawn = {"accuracy_macs": accuracy_against_macs(study), "difference": accuracy_against_macs(one)}
    drawings = [page.Drawing(name, style.svg(figure).encode(), caption) for name, (figure, caption) in drawn.items()]
    path = tmp_path_factory.mktemp("page") / "index.html"
    path.write_text(composed(study, histories(study), [texts], drawings), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        found = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def seen(browser: Any, file: Path) -> Iterator[Any]:
    """The page, opened from disk; afterwards, no message, no error, no request but the one for itself."""
    context = browser.new_context(reduced_motion="reduce", viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    opened.on("console", lambda message: said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.on("dialog", lambda dialog: said.append(f"a script ran: {dialog.message}"))
    opened.on("request", lambda request: asked.append(request.url))
    opened.goto(file.as_uri())
    opened.wait_for_selector("#chart .mark-symbol path")
    yield opened
    assert said == []
    assert {url for url in asked if not url.startswith(("data:", "blob:"))} == {file.as_uri()}
    context.close()


def column(seen: Any, name: str) -> list[str]:
    heads = seen.locator("#table thead th").evaluate_all("heads => heads.map((head) => head.dataset.name)")
    return seen.locator(f"#table tbody tr > td:nth-child({heads.index(name) + 1})").all_text_contents()  # type: ignore


def shown(seen: Any) -> int:
    return int(seen.locator("#shown").text_content().split()[0])


def test_a_click_on_a_heading_sorts_and_another_turns_it_round(seen: Any, study: pd.DataFrame) -> None:
    head = seen.get_by_role("button", name="accuracy, %")
    expected = (100 * study["test_accuracy"].dropna()).sort_values().map("{:.2f}".format).tolist()
    head.click()
    assert column(seen, "accuracy, %") == expected[:25]
    head.click()
    assert column(seen, "accuracy, %") == expected[::-1][:25]
    assert seen.locator("th[aria-sort]").get_attribute("aria-sort") == "descending"
    for _ in range(4):
        if seen.locator("#next").is_enabled():
            seen.locator("#next").click()
    assert column(seen, "accuracy, %")[-1] == "–", "runs without a score stay last"


def test_words_and_choices_filter(seen: Any, study: pd.DataFrame) -> None:
    seen.get_by_label("Filter by words").fill("switcher lenet5 free")
    assert shown(seen) == 3 and set(column(seen, "network")) == {"lenet5"}
    seen.get_by_label("Filter by words").fill("")
    seen.get_by_label("status").select_option("diverged")
    assert shown(seen) == (study["status"] == "diverged").sum()
    seen.get_by_label("Filter by words").fill("nothing has this")
    assert shown(seen) == 0


def test_a_click_on_a_point_opens_its_run(seen: Any) -> None:
    seen.get_by_label("Filter by words").fill("nothing has this")
    seen.locator("#chart path[aria-label^='switcher, free, seed 1:']").click()
    run = seen.locator(".run")
    run.wait_for()
    assert run.locator("h3").text_content() == "switcher, free, seed 1: lenet5 on fashion_mnist"
    for part in ("Learned structure", "History", "Results", "Config", "Provenance"):
        assert run.get_by_role("heading", name=part).is_visible()
    run.locator("svg .mark-line path").first.wait_for()
    assert all(word in run.text_content() for word in ("conv1", "epochs_learn", "torch"))
    run.get_by_text("16 epochs; training loss from 2.3").wait_for()
    assert shown(seen) > 0, "the filter that hid the run is gone"


def test_by_keyboard_alone(seen: Any) -> None:
    seen.locator("#chart").focus()
    seen.keyboard.press("ArrowRight")
    first = seen.locator("#chart-said").text_content()
    seen.keyboard.press("ArrowRight")
    second = seen.locator("#chart-said").text_content()
    assert "% accuracy" in first and first != second
    seen.keyboard.press("Enter")
    seen.locator(".run").wait_for()
    assert seen.evaluate("document.activeElement.getAttribute('aria-expanded')") == "true"
    seen.keyboard.press("Enter")
    assert seen.locator(".run").count() == 0
    seen.locator("#filter").focus()
    seen.keyboard.type("sss")
    for _ in range(5 + 1):  # four choices, the CSV button (paging is disabled), the table's scroll area
        seen.keyboard.press("Tab")
    seen.keyboard.press("Tab")
    seen.keyboard.press("Enter")
    assert seen.locator("th[aria-sort=ascending]").count() == 1


def test_everything_that_takes_focus_has_a_name_and_shows_it(seen: Any) -> None:
    unnamed = seen.evaluate("""() => [...document.querySelectorAll('a, button, input, select, summary, [tabindex="0"]')]
        .filter((e) => !(e.textContent.trim() || e.getAttribute('aria-label') || e.getAttribute('aria-labelledby') || e.labels?.length))
        .map((e) => e.outerHTML)""")  # noqa: E501
    assert unnamed == []
    seen.keyboard.press("Tab")
    assert seen.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_methods_can_be_highlighted(seen: Any) -> None:
    button = seen.get_by_role("group", name="Methods to highlight").get_by_role("button", name="switcher")
    button.click()
    assert button.get_attribute("aria-pressed") == "true"
    faint = seen.locator("#chart path[aria-label][opacity='0.06']")
    faint.nth(10).wait_for(state="attached")
    button.click()
    faint.first.wait_for(state="detached")


def test_runs_are_downloaded_as_csv_with_all_columns_and_digits(seen: Any, study: pd.DataFrame) -> None:
    seen.get_by_label("Filter by words").fill("sss macs=0.5")
    with seen.expect_download() as download:
        seen.get_by_role("button", name="Download these runs as CSV").click()
    read = pd.read_csv(io.BytesIO(Path(download.value.path()).read_bytes()), keep_default_na=False, dtype=str)
    part = study[(study["method"] == "sss") & (study["target"] == "macs=0.5")]
    assert list(read["reason"]) == list(part["reason"]) and list(read["widths"]) == list(part["widths"])
    assert [x or "nan" for x in read["test_accuracy"]] == [str(x) for x in part["test_accuracy"]]


def test_a_table_is_copied_as_latex_and_downloaded_as_csv(seen: Any) -> None:
    seen.context.grant_permissions(["clipboard-read", "clipboard-write"])
    seen.get_by_role("button", name="Copy as LaTeX").click()
    seen.get_by_text("LaTeX copied").wait_for()
    assert seen.evaluate("navigator.clipboard.readText()") == r"\toprule"
    with seen.expect_download() as download:
        seen.get_by_role("button", name="Download CSV").click()
    assert download.value.suggested_filename == "summary.csv"


def test_figures_are_drawn_and_letters_of_all_have_one_size(seen: Any) -> None:
    scales = seen.locator("figure img").evaluate_all(
        "all => all.map(i => i.getBoundingClientRect().width / i.naturalWidth)"
    )
    assert len(scales) == 2 and scales[0] > 0 and scales[1] == pytest.approx(scales[0], rel=0.05)


def test_hostile_names_stay_text(seen: Any) -> None:
    seen.get_by_label("Filter by words").fill("onerror")
    assert HARD in set(column(seen, "method"))
    seen.locator("#table button.open").first.click()
    seen.locator(".run").wait_for()
    assert seen.locator("img").count() == 2, "the figures, and nothing that a name brought in"


@pytest.mark.parametrize("width", [400, 1280, 1920])
def test_nothing_is_wider_than_the_window(seen: Any, width: int) -> None:
    seen.set_viewport_size({"width": width, "height": 900})
    seen.locator("#table button.open").first.click()
    assert seen.evaluate("document.documentElement.scrollWidth") <= width
    assert seen.locator(".claims").bounding_box()["y"] < 900, "verdicts stand on the first screen"


LONG = "switcher,reading=forced,lr=0.08,reader=embedding,signal=random,through=True"


@pytest.mark.parametrize("width", [390, 1280])
def test_long_names_neither_widen_the_window_nor_break_within_a_knob(browser: Any, tmp_path: Path, width: int) -> None:
    rows = make_study(METHODS, networks=1).replace({"method": {"sss": LONG}})
    texts = page.TableText("summary", tables.html(summary(rows)), "", "")
    (tmp_path / "index.html").write_text(composed(rows, None, [texts]), encoding="utf-8")
    opened = browser.new_page(viewport={"width": width, "height": 844})
    opened.goto((tmp_path / "index.html").as_uri())
    opened.wait_for_selector("#legend button")
    opened.get_by_label("Filter by words").fill("reader=embedding")
    assert opened.evaluate("document.documentElement.scrollWidth") <= width
    cells = opened.locator("#table tbody button.open, .sheet td:first-child").filter(has_text=LONG)
    assert cells.count() >= 2
    narrow = """cells => cells.map((cell) => {
        const range = document.createRange();
        return [...cell.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE)
            .map((node) => { range.selectNodeContents(node); return range.getClientRects().length; });
    }).flat()"""
    assert set(cells.evaluate_all(narrow)) == {1}, "each knob stands on one line"
    opened.close()


def test_a_long_name_stays_within_its_claim(seen: Any) -> None:
    longest = "'switcher' + ',reading=two_heads,signal=none'.repeat(4)"
    claim = (
        f"const claim = document.querySelector('.claims > li'); claim.querySelector('.claim').textContent = {longest}"
    )
    assert seen.evaluate(f"() => {{ {claim}; return claim.scrollWidth <= claim.clientWidth }}")
