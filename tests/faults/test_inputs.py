"""Bad input, by hand and generated: one error that says what, where and what is allowed; nothing run, nothing written.

By hand: every evil name in every place of a config where a name may stand, and broken tables.
"""

from __future__ import annotations

import json
import re
import runpy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.data import stream
from benchmarks.data.prepared import load
from benchmarks.machine.errors import say
from benchmarks.machine.files import write_sealed
from benchmarks.registry import ROOT
from benchmarks.report.stats.rows import read_rows
from benchmarks.report.tables.published import read_published
from benchmarks.schemas.rows import COLUMNS, LATER
from benchmarks.study.config import Study, parse
from benchmarks.training.checkpoint import Journal
from tests.benchmarks.test_train import CPU, STUDY, specs
from tests.report.conftest import make_study

EVIL = {
    "command": "; touch ran",
    "substitution": "$(touch ran)",
    "backticks": "`touch ran`",
    "and": "l1 && touch ran",
    "outside": "../../outside",
    "absolute": "/tmp/outside",
    "folder": "a/b",
    "dots": "..",
    "line": "a\nb",
    "nul": "a\0b",
    "escape": "\x1b[31mred",
    "empty": "",
    "space": " ",
    "long": "a" * 5000,
    "quotes": "'\"'\"",
    "html": "<script>alert(1)</script>",
    "tex": r"\input{/etc/passwd}",
    "wildcard": "{dataset}",
    "format": "%s%n{0.__class__}",
    "backwards": "\u202egnp.exe",
    "accent": "é",
    "wide": "ｄigits",
    "option": "--help",
    "glob": "*",
    "private": "_files",
    "python": "__import__('os').system('touch ran')",
}
PLACES: dict[str, tuple[Callable[[str], dict[str, Any]], str]] = {
    "study": (lambda name: {"study": name}, "study: "),
    "dataset": (lambda name: {"datasets": ["digits", name]}, "datasets[1]: unknown dataset"),
    "network": (lambda name: {"networks": [name]}, "networks[0]: unknown network"),
    "method": (lambda name: {"methods": ["dense", name]}, "methods[1].key: unknown method"),
    "method with knobs": (lambda name: {"methods": [{name: {"lr": 1.0}}]}, "methods[0].key: unknown method"),
    "knob": (lambda name: {"methods": [{"l1": {name: 1}}]}, "methods[0]: l1 has no knob"),
    "knob's value": (lambda name: {"methods": [{"l1": {"ranking": name}}]}, "methods[0]: l1's knob ranking is"),
    "number": (lambda name: {"methods": [{"dense": {"lr": name}}]}, "methods[0]: dense's knob lr is"),
    "target": (lambda name: {"targets": ["free", name]}, "targets[1]: unknown target"),
    "matched": (lambda name: {"targets": [f"match:{name}"]}, "targets"),
    "taken over": (lambda name: {"targets": [f"from:{name}", "free"]}, "targets"),
    "where": (lambda name: {"where": {name: {"epochs": 3}}}, "where: "),
    "where's network": (lambda name: {"where": {"digits": {"networks": [name]}}}, "where.digits.networks[0]: unknown"),
    "key": (lambda name: {name: 1}, "unknown key; allowed: study, datasets"),
    "recipe": (lambda name: {"recipe": {name: 1}}, "recipe: "),
    "learning rate": (lambda name: {"recipe": {"lr": name}}, "recipe: lr: Input should be a valid number, not "),
    "schedule": (lambda name: {"schedule": name}, "schedule: Input should be 'continue' or 'restart', not "),
    "epochs": (lambda name: {"epochs": name}, "epochs: Input should be a valid integer, not "),
}


def refused(config: dict[str, Any]) -> str:
    with pytest.raises(ValueError) as caught:
        parse(config, "study.yaml")
    return str(caught.value)


def assert_clear(message: str) -> None:
    """Few lines, that a terminal shows as they are."""
    assert message.replace("\n", "").isprintable()
    assert all(len(line) < 700 for line in message.splitlines()) and message.count("\n") < 10


@pytest.fixture(autouse=True)
def nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever is refused leaves no file in the folder that it was started in, or above."""
    inner = tmp_path / "a" / "b" / "c"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    yield
    left = {
        path
        for path in tmp_path.rglob("*")
        if path.is_file() and path.suffix not in (".csv", ".safetensors", ".sha256")
    }
    assert not left and not Path("/tmp/outside").exists()


@pytest.mark.parametrize("name", EVIL.values(), ids=EVIL.keys())
@pytest.mark.parametrize("place", PLACES)
def test_an_evil_name_in_a_config(place: str, name: str) -> None:
    put, said = PLACES[place]
    message = refused(STUDY | put(name))
    assert message.startswith("study.yaml:\n") and said in message
    assert "allowed" in message or "should" in message
    assert any(written[1:20].strip("'\"") in message for written in (repr(name), json.dumps(name))), (
        "the value is named"
    )
    assert_clear(message)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seeds": 10**9}, "1000000000 seeds; allowed: a positive number, or a list of seeds, of 1000 at most"),
        ({"seeds": 0}, "0 seeds; allowed"),
        ({"seeds": [0, 0]}, "0 stands there twice"),
        ({"seeds": [2**31]}, "less than 2147483648"),
        ({"seeds": True}, "seeds: Input should be a valid list"),
        ({"seeds": [1.5]}, "seeds[0]: Input should be a valid integer"),
        ({"epochs": 10**30}, "less than or equal to 1000000"),
        ({"epochs": 3.0}, "epochs: Input should be a valid integer"),
        ({"epochs": True}, "epochs: Input should be a valid integer"),
        ({"epochs": None}, "epochs: Input should be a valid integer"),
        ({"epochs": 2, "pretrain_epochs": 2}, "pretrain_epochs is 2; allowed: less than epochs (2)"),
        ({"methods": []}, "methods: List should have at least 1 item"),
        ({"methods": "dense"}, "methods: Input should be a valid list"),
        ({"methods": ["dense", "dense"]}, "'dense' stands there twice"),
        ({"methods": [{"l1": {}, "l2": {}}]}, "is neither a method nor a method with its knobs"),
        ({"methods": [[["dense"]]]}, "is neither a method nor a method with its knobs"),
        ({"methods": [{"dense": {"lr": float("nan")}}]}, "dense's knob lr is nan; allowed: float"),
        ({"methods": [{"dense": {"lr": float("inf")}}]}, "dense's knob lr is inf; allowed: float"),
        ({"methods": [{"dense": {"lr": "1e999"}}]}, "dense's knob lr is inf; allowed: float"),
        ({"methods": [{"dense": {"lr": True}}]}, "dense's knob lr is True; allowed: float"),
        ({"targets": ["macs=0"]}, "unknown target 'macs=0'"),
        ({"targets": ["macs=1"]}, "unknown target 'macs=1'"),
        ({"targets": ["macs=-0.5"]}, "unknown target 'macs=-0.5'"),
        ({"targets": ["macs=0.50"]}, "unknown target 'macs=0.50'"),
        ({"targets": ["macs=0.٣5"]}, "unknown target 'macs=0.٣5'"),
        ({"targets": ["macs=0." + "0" * 400 + "1"]}, "unknown target 'macs=0.000"),
        ({"targets": ["macs=nan"]}, "unknown target 'macs=nan'"),
        ({"targets": [0.5]}, "targets[0]: Input should be a valid string, not 0.5"),
        ({"datasets": {"digits": 1}}, "datasets: Input should be a valid list"),
        ({"where": {"digits": {"epoch": 1}}}, "where.digits.epoch: unknown key; allowed: networks"),
        ({"where": {"digits": {"epochs": 1}}}, "where.digits: pretrain_epochs is 2; allowed: less than epochs (1)"),
        ({"where": ["digits"]}, "where: Input should be a valid dictionary"),
        ({1: 2}, "Keys should be strings"),
        ({None: 2}, "Keys should be strings"),
        ({"align": 0}, "align: Input should be greater than 0, not 0"),
    ],
)
def test_a_config_that_cannot_be_meant(change: dict[Any, Any], said: str) -> None:
    message = refused(STUDY | change)
    assert said in message
    assert_clear(message)


def test_what_is_nested_ten_thousand_million_times() -> None:
    """Lists of lists of one list, which YAML writes in a few lines; a message must not write them all."""
    bomb: Any = "lol"
    for _ in range(10):
        bomb = [bomb] * 10
    for field in ("datasets", "methods", "targets", "epochs", "study", "seeds"):
        assert len(refused(STUDY | {field: bomb})) < 5000


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.sampled_from([*EVIL.values()]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=3),
    max_leaves=6,
)


@given(field=st.sampled_from([*Study.model_fields, "where"]) | st.text(max_size=5), value=ANYTHING)
def test_any_value_is_a_study_or_a_clear_error(field: str, value: Any) -> None:
    try:
        study = parse(STUDY | {field: value}, "study.yaml")
    except ValueError as error:
        assert str(error).replace("\n", "").isprintable() and len(str(error)) < 5000
        return
    for cell in study.cells():
        assert "/" not in cell.folder and cell.folder.isprintable() and len(cell.folder) <= 200


COMMON = ["--data", "d.safetensors", "--out", "out/runs.json", "--scratch", "scratch"]


def given_spec(**changes: Any) -> list[str]:
    return ["--spec", specs()["l1@macs=0.5"].model_copy(update=changes).model_dump_json(), *COMMON]


@pytest.mark.parametrize(
    ("script", "arguments", "said"),
    [
        ("learn", ["--spec", '{"study": 1', *COMMON], "Invalid JSON"),
        ("learn", ["--spec", '{"study": "; touch ran"}', *COMMON], "Field required"),
        ("learn", given_spec(method="../../outside"), r"unknown method '../../outside'; allowed: bn_scale"),
        ("learn", given_spec(method="core.api"), "unknown method 'core.api'; allowed: bn_scale"),
        ("start", ["--spec", "[]", *COMMON], "Input should be an object"),
        (
            "prepare",
            ["--dataset", "; touch ran", "--raw", "raw", "--out", "o"],
            "unknown dataset '; touch ran'; allowed",
        ),
        ("prepare", ["--dataset", "../x", "--raw", "raw", "--out", "o"], "unknown dataset '../x'; allowed"),
        ("prepare", ["--dataset", "_files", "--raw", "raw", "--out", "o"], "unknown dataset '_files'; allowed"),
        ("plan", ["--config", '{"study": "../x"}', "--results", "r", "--cores", "1"], "study: String should match"),
        ("plan", ["--config", "not json", "--results", "r", "--cores", "1"], "Expecting value"),
    ],
)
def test_a_script_refuses_before_it_writes(
    script: str, arguments: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("broken.csv").write_bytes(b'a,"b\n\0')
    monkeypatch.setattr("sys.argv", [script, *arguments])
    with pytest.raises((ValueError, OSError)) as caught:
        runpy.run_module(script if "." in script else f"workflow.scripts.{script}", run_name="__main__")
    assert said in str(caught.value)
    assert [path.name for path in Path().rglob("*") if path.is_file()] == ["broken.csv"]


DOORS = [
    (
        "gather",
        ["--rows", "broken.csv", "--planned", "1", "--out", "out/rows.csv"],
        "broken.csv is cut short or altered",
    ),
    ("tools.show", ["there"], "there/rows.csv is no table of rows"),
    ("tools.show", ["absent"], "No such file or directory: 'absent/rows.csv'"),
    ("tools.export", ["there"], "there/rows.csv is no table of rows"),
    ("tools.publish", ["there"], "there/rows.csv is no table of rows"),
    ("tables", ["--rows", "broken.csv", "--out", "summary.csv"], "broken.csv is no table of rows"),
    ("figures", ["--rows", "broken.csv", "--out", "ranks.svg"], "broken.csv is no table of rows"),
    ("page", ["--rows", "broken.csv", "--claims", "c.md", "--page", "p.html"], "broken.csv is no table of rows"),
    ("compare", ["--own", "broken.csv", "--published", "broken.csv"], "broken.csv is no table of rows"),
]


@pytest.mark.parametrize(("script", "arguments", "said"), DOORS, ids=[f"{door[0]} {door[1][0]}" for door in DOORS])
def test_rows_that_are_refused_end_a_command_with_one_message(
    script: str,
    arguments: list[str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("there").mkdir()
    for path in ("broken.csv", "there/rows.csv"):
        Path(path).write_bytes(b'a,"b\n\0')
    monkeypatch.setattr("sys.argv", [script, *arguments])
    with pytest.raises((ValueError, OSError)) as caught:
        runpy.run_module(script if "." in script else f"workflow.scripts.{script}", run_name="__main__")
    say(caught.type, caught.value, caught.tb)
    printed = capsys.readouterr().err
    assert said in printed and "Traceback" not in printed
    assert sorted(path.name for path in Path().rglob("*") if path.is_file()) == ["broken.csv", "rows.csv"]


RULES = sorted((ROOT / "workflow/rules").glob("*.smk"))
SHELL = re.compile(r"^    shell:\n((?: {8}.+\n)+)", flags=re.M)


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_what_a_rule_puts_into_a_shell_is_quoted(path: Path) -> None:
    text = path.read_text()
    commands = SHELL.findall(text)
    assert len(commands) == text.count("shell:\n") and not re.search(r"^    (run|script):", text, flags=re.M)
    words = [word for command in commands for word in re.findall("{([^{}]*)}", command)]
    assert [word for word in words if not word.endswith(":q") and word not in ("threads", "params.cores")] == []


def table(**changes: Any) -> bytes:
    rows = make_study(["dense", "l1"], seeds=2, networks=1).astype(object)
    for column, value in changes.items():
        rows.loc[1, column] = value
    return rows.to_csv(index=False).encode()


@pytest.mark.parametrize(
    ("blob", "said"),
    [
        (b"", "No columns to parse"),
        (b"\n\n", "No columns"),
        (b"\0" * 100, "lacks columns"),
        (b"\x89PNG\r\n\x1a\n" * 9, "is no table of rows"),
        (table().decode().encode("utf-16"), "is no table of rows"),
        (table() + b"1,2,3" * 99, "is no table of rows: Error tokenizing data"),
        (table() + b'"never closed', "is no table of rows"),
        (table().replace(b"study,", b"study,study,", 1), "is no table of rows|lacks columns|two rows|unknown target"),
        (table().split(b"\n")[0], "there are no rows"),
        (
            table(method="\udcff".encode("utf-8", "surrogatepass").decode("latin-1")).replace(b"\xc3", b"\xff"),
            "no table",
        ),
        (table(seed=""), "row 2, column seed: .*valid integer.*, not ''"),
        (table(seed=1.5), "column seed: .*valid integer.*, not '1.5'"),
        (table(seed=-1), "column seed: .*greater than or equal to 0, not '-1'"),
        (table(seed="inf"), "column seed: .*valid integer.*, not 'inf'"),
        (table(seed=1e300), "column seed: .*valid integer.*, not '1e[+]300'"),
        (table(seed="; rm"), "column seed: .*valid integer.*, not '; rm'"),
        (table(macs="<b>1</b>"), "column macs: .*valid number.*, not '<b>1</b>'"),
        (table(target="macs=2"), "column target: unknown target .macs=2.; allowed: macs=<fraction"),
        (table(test_accuracy=7), "column test_accuracy: Input should be less than or equal to 1, not '7'"),
        (table(test_accuracy=-0.1), "column test_accuracy: Input should be greater than or equal to 0, not '-0.1'"),
        (table(validation_accuracy="inf"), "column validation_accuracy: .*finite number, not 'inf'"),
        (table(status="<script>"), "column status: Input should be 'ok', 'diverged'.*, not '<script>'"),
        (table(status="OK"), "column status: Input should be 'ok', 'diverged'.*, not 'OK'"),
        (table(widths="{"), "column widths: must hold a JSON object, not '{'"),
        (table(widths="[1]"), r"column widths: must hold a JSON object, not '\[1\]'"),
        (table(knobs="__import__('os')"), 'column knobs: must hold a JSON object, not "__import__'),
        (table(knobs="9" * 5000), "column knobs: must hold a JSON object, not '999"),
        (table(version="9.9.9"), "rows of versions 0.1, 9.9 are not comparable"),
        (table(version=""), "row 2, column version: String should match pattern"),
        (table(study="other"), "rows of studies other, test do not belong into one file"),
        (table(study=""), "row 2, column study: .*at least 1 character"),
        (table(macs_dense=0), "row 2, column macs_dense: Input should be greater than 0, not '0'"),
        (table(macs_dense=12345), "column macs_dense or params_dense differs within fashion_mnist, lenet5"),
        (table(macs=-5), "row 2, column macs: Input should be greater than 0, not '-5'"),
        (table(macs=""), "row 2: column macs is empty, though status is ok"),
        (table(latency_cpu_b1_ms=0), "row 2, column latency_cpu_b1_ms: Input should be greater than 0, not '0'"),
        (table(test_accuracy=""), "row 2: column test_accuracy is empty, though status is ok"),
        (table(test_accuracy="nan"), "row 2, column test_accuracy: .*not 'nan'"),
        (table(test_accuracy=2, macs=0), r"row 2, column test_accuracy: .* \(1 more fault\)"),
        (table() + table().split(b"\n", 1)[1], "two rows for"),
        (table(planned=9), "column planned differs within test"),
        (table(planned=0.5), "row 2, column planned: .*valid integer"),
    ],
)
def test_a_table_that_is_none(tmp_path: Path, blob: bytes, said: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(blob)
    with pytest.raises(ValueError, match=said) as caught:
        read_rows(path)
    assert str(path) in str(caught.value) and len(str(caught.value)) < 2000


def test_a_column_that_came_later_is_empty_in_earlier_rows(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    make_study(["dense", "l1"], seeds=2, networks=1).drop(columns=[*LATER]).to_csv(path, index=False)
    rows = read_rows(path)
    assert list(rows.columns) == list(COLUMNS) and set(rows["recipe"]) == {""}


PUBLISHED = (ROOT / "paper/published.csv").read_bytes()


@pytest.mark.parametrize(
    ("blob", "said"),
    [
        (b"", "is no table of published numbers: No columns"),
        (b"dataset,network\n", "lacks columns: key, method"),
        (b"\xff\xfe", "is no table of published numbers"),
        (PUBLISHED + b"x" + b",1" * 99, "is no table of published numbers: Error tokenizing"),
        (PUBLISHED.replace(b"accuracy", b"acc", 1), "lacks columns: baseline_accuracy"),
        (PUBLISHED + b"a,b,m,l1,s,; rm,90,1,1,1,c,1,0,p,s,n\n", "columns baseline_accuracy must hold numbers"),
    ],
)
def test_published_numbers_that_are_none(tmp_path: Path, blob: bytes, said: str) -> None:
    path = tmp_path / "published.csv"
    path.write_bytes(blob)
    with pytest.raises(ValueError, match=said) as caught:
        read_published(path)
    assert str(path) in str(caught.value)


@given(blob=st.binary(max_size=300) | st.binary(max_size=90).map(lambda junk: table()[:-40] + junk))
def test_any_bytes_for_a_table(tmp_path_factory: pytest.TempPathFactory, blob: bytes) -> None:
    path = tmp_path_factory.mktemp("any") / "rows.csv"
    path.write_bytes(blob)
    try:
        assert isinstance(read_rows(path), pd.DataFrame)
    except ValueError as error:
        assert str(path) in str(error)


@given(blob=st.binary(max_size=300))
def test_any_bytes_for_a_checkpoint(tmp_path_factory: pytest.TempPathFactory, blob: bytes) -> None:
    path = tmp_path_factory.mktemp("any") / "loop-0001"
    path.write_bytes(blob)
    with pytest.warns(UserWarning, match="cut short or altered"):
        assert Journal.read(path) is None
    write_sealed(path, blob)
    with pytest.raises(ValueError, match="loop-0001 is no save of a run"):
        Journal.read(path)


@given(
    blob=st.binary(max_size=99)
    | st.builds(lambda n, rest: n.to_bytes(8, "little") + rest, st.integers(0, 2**63), st.binary(max_size=60))
)
def test_any_bytes_for_a_dataset(tmp_path_factory: pytest.TempPathFactory, blob: bytes) -> None:
    path = tmp_path_factory.mktemp("any") / "digits.safetensors"
    path.write_bytes(blob)
    path.with_suffix(".sha256").write_text("0" * 64)
    with pytest.raises(ValueError, match=r"digits\.safetensors .*is truncated or altered: expected sha256"):
        load(path, ("train",), CPU)
    with pytest.raises(ValueError, match=r"digits\.safetensors is truncated or altered"):
        stream.load(path, ("train",), CPU)


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', r"\input{/etc/passwd}", "a|b\n# c", "=1+1"]
)
def test_names_in_rows_are_text_in_every_table(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows come from others too: what they call a method is neither HTML nor LaTeX nor a heading."""
    Path("rows.csv").write_bytes(table(method=name, status="unsupported", test_accuracy="", reason=name))
    out = [f"out/{kind}.{suffix}" for kind in ("summary", "failures") for suffix in ("html", "tex", "md")]
    monkeypatch.setattr("sys.argv", ["tables", "--rows", "rows.csv", "--out", *out])
    runpy.run_module("workflow.scripts.tables", run_name="__main__")
    text = {path: Path(path).read_text() for path in out}
    for path in out:
        Path(path).unlink()
        assert "\n# c" not in text[path]
        if path.endswith(".html"):
            assert "<script" not in text[path] and "<img" not in text[path]
        if path.endswith(".tex"):
            assert r"\input{" not in text[path]


def test_json_has_no_way_to_say_more() -> None:
    assert json.loads(json.dumps(EVIL)) == EVIL
