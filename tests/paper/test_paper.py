"""The paper takes every measured number from published rows, and can be typeset whatever is published."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from benchmarks.report.claims.judge import claims
from benchmarks.report.figures.registry import FIGURES, OF_HISTORIES
from benchmarks.report.paper import numbers
from benchmarks.report.paper.pairs import plain
from benchmarks.report.stats.names import plain_names
from benchmarks.report.tables.across import ACROSS
from tests.paper.conftest import ROOT, STUDIES, make_published
from tests.report.conftest import make_dense, make_row
from workflow.scripts.paper import NAMED

TEXT = (ROOT / "paper" / "main.tex").read_text(encoding="utf-8")
BODY = TEXT[TEXT.index(r"\begin{abstract}") :]
KEYS = set(re.findall(r"\\(?:if)?val\{([^{}#]+)\}|\\bycase\{([^{}#]+)\}", BODY))
POINTS = {f"{key}.mean" for key in re.findall(r"\\points\{([^{}#]+)\}", BODY)}


def prose(text: str) -> str:
    """The text without comments, formulas, tables' formats, and what names a key, a file or a place."""
    text = re.sub(r"(?<!\\)%.*", "", text)
    text = re.sub(r"\\begin\{(equation|align|tabular)\}.*?\\end\{\1\}|\$.*?\$", "", text, flags=re.DOTALL)
    hidden = r"val|ifval|bycase|points|ref|cite|label|study\w+|begin|itemsep\d+pt|bibliography\w*"
    return re.sub(rf"\\(?:{hidden})(?:\[\w+\])?(?:\{{[^{{}}]*\}})?", "", text)


def typed(text: str) -> set[str]:
    """Numbers in the prose; the names of networks and data sets hold none."""
    return set(
        re.findall(
            r"(?<![\w.])[+-]?\d+(?:\.\d+)?|\d+\.\d+",
            re.sub(r"\b(LeNet|ResNet|CIFAR)-\d+", r"\1", prose(text)),
        )
    )


def test_no_number_in_the_prose_is_typed_by_hand() -> None:
    """But the level of intervals."""
    assert typed(BODY) == {"95"}


def test_the_search_for_typed_numbers_finds_them() -> None:
    assert typed(r"An accuracy of 89.7\,\% at \val{a/claim1.1.n} runs, $x = 2.5$.") == {"89.7"}
    assert typed(r"\ifval{a/b}{It gains +3 points \points{a/c}.}{}") == {"+3"}
    assert typed(r"\bycase{a/b.1}{above}{by 4}{below}{by \val{a/5}}{not}") == {"4"}
    assert not typed(r"At \val{a/claim1.1.n} runs, $x = 2.5$, \see{Table}{tab}{a/b}, \studyfigure[4]{a/b}.% 3.4")


def numbers_of(rows: pd.DataFrame) -> dict[str, str]:
    """The numbers as the workflow composes them."""
    return numbers.numbers(plain(rows), claims(plain(rows)))


@pytest.fixture(scope="module")
def values() -> dict[str, str]:
    return {f"{s}/{key}": text for s in STUDIES for key, text in numbers_of(make_published(s)).items()}


def test_every_key_of_the_text_is_a_number_that_the_published_studies_have(values: dict[str, str]) -> None:
    keys = {key for pair in KEYS for key in pair if key} | POINTS
    made = {key for key in keys if key.startswith(("default/", "literature/")) or "/caption." in key}
    assert len(keys) > 100
    assert keys - made <= set(values)
    assert {key.removeprefix("default/") for key in made if "/knob." in key} <= {
        key.split("/")[1] for key in values if key.startswith("reference/knob.")
    }


def test_the_paper_names_figures_tables_and_studies_that_there_are() -> None:
    named = NAMED.findall(TEXT)
    assert {study for _, _, study, _ in named} <= set(STUDIES)
    assert {name for kind, *_, name in named if kind == "table"} == set(ACROSS)
    assert {name for kind, *_, name in named if kind != "table"} <= {*FIGURES, *OF_HISTORIES}
    listed = re.search(r"(?s)STUDIES = \((.*?)\)", (ROOT / "workflow/rules/paper.smk").read_text())
    assert listed and set(re.findall(r"\w+", listed[1])) == set(STUDIES)


def test_numbers_are_those_of_the_rows() -> None:
    rows = [make_dense(seed=i, test_accuracy=0.9) for i in range(3)]
    own = {"method": "switcher", "target": "free", "knobs": '{"gain": 1.25}'}
    rows += [make_row(seed=i, test_accuracy=0.9 - (i + 1) / 100, **own) for i in range(3)]
    rows += [make_row(target="match:switcher", seed=i, test_accuracy=0.89) for i in range(3)]
    rows += [make_row(method="free_factor", target="free", seed=i, test_accuracy=0.92, macs=6000.0) for i in range(3)]
    rows += [make_row(method="free_factor", target="free", seed=3, status="collapsed", macs=100.0)]  # in no mean
    at_its_size = {"method": "switcher", "target": "match:free_factor", "macs": 6000.0}
    rows += [make_row(seed=i, test_accuracy=0.91, **at_its_size) for i in range(3)]
    rows += [make_row(target="match:thinet", seed=i, test_accuracy=0.5) for i in range(3)]  # counts in no number
    found = numbers_of(pd.DataFrame(rows))
    assert (found["runs"], found["methods"], found["seeds"], found["knob.gain"]) == ("19", "4", "4", "1.25")
    # Differences -1, -2, -3: 2.484138 on either side.
    assert (found["claim1.1.mean"], found["claim1.1.interval"]) == ("-2.00", "[-4.48, +0.48]")
    assert (found["claim1.1.sign"], found["removed"], found["gains"]) == ("open", "50.0", "0")
    # The free factor minus the switcher: 3, 4, 5 points, and 10 % of the MACs more.
    assert (found["free.free_factor.mean"], found["free.free_factor.sign"]) == ("+4.00", "above")
    assert (found["free.free_factor.macs.mean"], found["free.free_factor.collapsed"]) == ("+10.00", "1 of 4")
    # At the free factor's 60 % of the MACs: 91 % minus 92 %.
    assert (found["its_size.free_factor.n"], found["its_size.free_factor.mean"]) == ("3", "-1.00")
    assert (found["its_size.free_factor.sign"], found["dense.digits.lenet5"]) == ("below", "90.0")
    # The switcher minus l1: 0, -1, -2.
    assert (found["at.match.l1.mean"], found["at.match.strongest"]) == ("-1.00", "l1")
    assert [found[f"switcher.rivals.match{key}"] for key in ("", ".higher", ".above", ".below")] == ["1", "1", "0", "0"]
    assert r"\setval{claim1.1.mean}{$-$2.00}" in numbers.tex(found)
    assert r"\setval{x}{a\_b, 1e-07, $-$1}" in numbers.tex({"x": "a_b, 1e-07, -1"})


def test_what_is_taken_over_is_compared_on_other_networks_than_its_teacher() -> None:
    rows = [make_dense(seed=i, network=network) for i in range(2) for network in ("lenet5", "resnet8")]
    taken = {"method": "switcher_transfer", "target": "from:resnet8"}
    rows += [make_row(**taken, seed=i, network="lenet5", test_accuracy=0.88) for i in range(2)]
    rows += [make_row(**taken, seed=i, network="resnet8", test_accuracy=0.5) for i in range(2)]
    taken["target"] = "from:resnet8+vgg"
    rows += [make_row(**taken, seed=i, network="lenet5", test_accuracy=0.89) for i in range(2)]
    rows += [make_row(**taken, seed=i, network="resnet8", test_accuracy=0.5) for i in range(2)]
    found = numbers_of(pd.DataFrame(rows))
    assert (found["transfer.switcher_transfer.dense.n"], found["transfer.switcher_transfer.dense.mean"]) == (
        "2",
        "-2.00",
    )
    assert (found["transfer2.switcher_transfer.dense.n"], found["transfer2.switcher_transfer.dense.mean"]) == (
        "2",
        "-1.00",
    )


def test_names_leave_out_the_learning_rate_of_a_variant() -> None:
    labels = ["switcher", "switcher,lr=0.005,input=noise", "switcher,lr=0.0", "l1,b=1,a=2", "x,lr=1,a=2", "x,a=2"]
    plain = ["switcher", "switcher,input=noise", "switcher,lr=0.0", "l1,a=2,b=1", "x,a=2,lr=1", "x,a=2"]
    assert list(plain_names(labels).values()) == plain
    assert list(plain_names(plain).values()) == plain


def test_a_word_stands_for_the_knobs_that_always_come_with_it() -> None:
    """Here reader=embedding and turns=2 come with nothing else, and input=noise also comes alone."""
    labels = ["s,reading=forced,reader=embedding", "s,turns=2,batch=epochs", "s,turns=2,batch=epochs,input=noise"]
    plain = ["s,reading=forced", "s,batch=epochs", "s,batch=epochs,input=noise", "s,input=noise"]
    assert list(plain_names([*labels, "s,input=noise"]).values()) == plain


def test_without_the_switcher_its_numbers_are_left_out() -> None:
    found = numbers_of(pd.DataFrame([make_dense()]))
    assert not {key for key in found if key.startswith(("at.", "switcher.", "knob", "free.", "claim1.1.mean"))}
    assert found["claim1.verdict"] == "not judged"


def typeset(studies: tuple[str, ...], folder: Path) -> tuple[bytes, str]:
    """The paper from these studies, made up, and TeX's log, as workflow/rules/paper.smk makes it."""
    for study in studies:
        (folder / "published" / study).mkdir(parents=True)
        make_published(study).to_csv(folder / "published" / study / "rows.csv", index=False)
    paths = [folder / "published" / study for study in studies]
    options = [
        "--literature",
        ROOT / "paper/published.csv",
        "--text",
        ROOT / "paper/main.tex",
        "--out",
        folder / "work",
    ]
    script = [sys.executable, "-m", "workflow.scripts.paper", "--studies", *paths, *options]
    subprocess.run(script, cwd=ROOT, check=True)
    where = {"TEXINPUTS": f"{folder / 'work'}:", "BIBINPUTS": str(ROOT / "paper")}
    subprocess.run(
        ["latexmk", "-pdf", "-interaction=nonstopmode", f"-output-directory={folder / 'work'}", "paper/main.tex"],
        cwd=ROOT,
        env=os.environ | where | {"SOURCE_DATE_EPOCH": "0", "FORCE_SOURCE_DATE": "1"},
        capture_output=True,
        check=True,
    )
    log = (folder / "work/main.log").read_text(encoding="utf-8", errors="replace")
    return (folder / "work/main.pdf").read_bytes(), log


@pytest.mark.skipif(shutil.which("latexmk") is None, reason="needs TeX")
@pytest.mark.parametrize("studies", [STUDIES, ("field",), ()], ids=["all", "one", "none"])
def test_the_paper_is_whole_whatever_is_published(studies: tuple[str, ...], tmp_path: Path) -> None:
    pdf, log = typeset(studies, tmp_path / "here")
    assert not re.search(r"undefined|Overfull", log)
    missing = set(re.findall(r"no value: (.*)", log))
    assert all(key.startswith("default/knob.") for key in missing), missing
    assert bool(missing) == (not studies)
    if len(studies) == 1:
        assert typeset(studies, tmp_path / "there")[0] == pdf, "the same rows give the same bytes"
