"""The paper takes every measured number from rows, and can be typeset from any study."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from benchmarks.report.numbers import numbers, tex
from tests.report.conftest import METHODS, make_dense, make_row, make_study

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "paper" / "main.tex").read_text(encoding="utf-8")
BODY = TEXT[TEXT.index(r"\begin{abstract}") :]


def prose(text: str) -> str:
    """The text without comments, formulas, and the arguments of commands that print no number."""
    text = re.sub(r"(?<!\\)%.*", "", text)
    text = re.sub(r"\\begin\{(equation|align)\}.*?\\end\{\1\}|\$.*?\$", "", text, flags=re.DOTALL)
    hidden = r"val|ifval|ref|cite|label|input|studyfigure|IfFileExists|begin|itemsep0pt|bibliography\w*"
    return re.sub(rf"\\(?:{hidden})(?:\{{[^{{}}]*\}})?", "", text)


def test_no_number_in_the_prose_is_typed_by_hand():
    """But the level of intervals, the power, and the numbers of the claims."""
    found = re.findall(r"(?<![\w.])[+-]?\d+(?:\.\d+)?", prose(BODY))
    found += re.findall(r"\d+\.\d+", prose(BODY))
    assert set(found) <= {"95", "80", "1", "2", "3", "4"}
    assert len([number for number in found if number in ("1", "2", "3", "4")]) == 4


def test_the_search_for_typed_numbers_finds_them():
    assert "89.7" in prose(r"An accuracy of 89.7\,\% at \val{claim1.1.n} runs, $x = 2.5$.")
    assert not re.search(r"\d", prose(r"At \val{claim1.1.n} runs, $x = 2.5$.% 3.4"))


def complete() -> pd.DataFrame:
    rows = make_study([*METHODS, "switcher,input=noise", "switcher,input=shuffled"], seeds=2)
    own = rows["method"].str.startswith("switcher,")
    rows.loc[own & (rows["target"] == "match:switcher"), "target"] = "free"
    rows["params_dense"] = rows["network"].map({"lenet5": 60_000, "resnet8": 80_000})
    other = rows.assign(dataset="digits", test_accuracy=rows["test_accuracy"] + 0.05)
    knobs = '{"gain": 1.5, "begin": 0.3, "end": 0.7, "turns": 60, "lr": 0.02, "hidden": 64}'
    return pd.concat([rows, other], ignore_index=True).assign(knobs=knobs)


def test_every_key_of_the_text_is_a_number_that_a_complete_study_has():
    keys = set(re.findall(r"\\(?:if)?val\{([^{}#]+)\}", BODY))
    assert keys <= set(numbers(complete()))


def test_numbers_are_those_of_the_rows():
    rows = [make_dense(seed=i, test_accuracy=0.9) for i in range(3)]
    own = {"method": "switcher", "target": "free", "knobs": '{"gain": 1.25}'}
    rows += [make_row(seed=i, test_accuracy=0.9 - (i + 1) / 100, **own) for i in range(3)]
    rows += [make_row(target="match:switcher", seed=i, test_accuracy=0.89) for i in range(3)]
    found = numbers(pd.DataFrame(rows))
    assert (found["runs"], found["methods"], found["seeds"], found["knob.gain"]) == ("9", "3", "3", "1.25")
    # Differences -1, -2, -3: 2.484138 on either side.
    assert (found["claim1.1.mean"], found["claim1.1.interval"]) == ("-2.00", "[-4.48, +0.48]")
    assert (found["claim3.1.mean"], found["rivals"], found["rivals.beaten"]) == ("+50.00", "1", "0")
    assert (found["strongest.method"], found["strongest.mean"]) == ("l1", "-1.00")
    assert r"\setval{claim1.1.mean}{$-$2.00}" in tex(found)
    assert r"\setval{x}{a\_b, 1e-07, $-$1}" in tex({"x": "a_b, 1e-07, -1"})


def test_without_the_switcher_its_numbers_are_left_out():
    found = numbers(pd.DataFrame([make_dense()]))
    assert not {key for key in found if key.startswith(("rivals", "rank", "knob", "claim1.1.mean"))}
    assert found["claim1.verdict"] == "undecided"


@pytest.mark.skipif(shutil.which("latexmk") is None, reason="needs TeX")
@pytest.mark.parametrize("study", ["complete", "bare"])
def test_the_paper_can_be_typeset(study, tmp_path: Path):
    rows = complete() if study == "complete" else pd.DataFrame([make_dense()])
    rows.to_csv(tmp_path / "rows.csv", index=False)
    told = ["--rows", tmp_path / "rows.csv", "--out", tmp_path]
    subprocess.run([sys.executable, "-m", "workflow.scripts.paper", *told], cwd=ROOT, check=True)
    done = subprocess.run(
        ["latexmk", "-pdf", "-interaction=nonstopmode", "-halt-on-error", f"-output-directory={tmp_path}", "main.tex"],
        cwd=ROOT / "paper",
        env={"PATH": "/usr/bin:/bin", "TEXINPUTS": f"{tmp_path}:", "BIBINPUTS": f"{ROOT / 'paper'}:"},
        capture_output=True,
    )
    log = (tmp_path / "main.log").read_text(encoding="utf-8", errors="replace")
    assert done.returncode == 0, log[-2000:]
    assert "undefined" not in log.lower().replace("undefined control sequence", "")
