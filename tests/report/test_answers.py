"""What the first screen says, on planted rows whose answer is known; and how it says it."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from benchmarks.report.page.page import answers as of_page
from benchmarks.report.text.answers import answers, spoken
from tests.report.conftest import METHODS, make_dense, make_row, make_study


def planted(gains: dict[str, float], target: str = "macs=0.35", tasks: int = 6, noise: float = 0.0005) -> pd.DataFrame:
    """Per task three seeds; uniform loses 2 points to dense, and every other method gains so many points on it."""
    rng = np.random.default_rng(0)
    rows = []
    for task in range(tasks):
        for seed in range(3):
            at = {"dataset": f"d{task}", "seed": seed}
            rows.append(make_dense(test_accuracy=0.92 + rng.normal(0, noise), **at))
            for method, gain in ({"uniform": 0.0} | gains).items():
                accuracy = 0.90 + gain / 100 + rng.normal(0, noise)
                rows.append(make_row(method=method, target=target, macs=3500.0, test_accuracy=accuracy, **at))
    return pd.DataFrame(rows)


NARROWER = "a uniformly narrower network"


@pytest.mark.parametrize(
    ("gains", "said"),
    [
        ({"l1": 0.0, "random": 0.1}, f"no method is shown to differ from {NARROWER}: 2 practically equal"),
        ({"l1": 3.0, "random": 0.0}, f"l1 is more accurate than {NARROWER}; of the others, 1 practically equal"),
        (
            {"l1": 3.0, "random": -3.0},
            f"l1 is more accurate than {NARROWER} and random is less accurate than {NARROWER}",
        ),
        ({"l1": 3.0, "soft_filter": 2.0}, f"l1 and soft filter are more accurate than {NARROWER}"),
        ({f"m{i}": 3.0 for i in range(6)}, f"m0, m1, m2 and 3 more are more accurate than {NARROWER}"),
    ],
)
def test_at_equal_macs_every_method_is_compared_with_the_uniform_network(gains: dict[str, float], said: str) -> None:
    assert answers(planted(gains)) == [f"At 35 % of the MACs, {said} (over 6 tasks)."]


def test_what_noise_hides_is_called_undecided() -> None:
    (said,) = answers(planted({"l1": 0.6}, noise=0.02))
    assert said == f"At 35 % of the MACs, no method is shown to differ from {NARROWER}: 1 undecided (over 6 tasks)."


def test_what_is_shown_of_exactly_these_tasks_is_said_too() -> None:
    """3 points on one task and 1 on the other: sure here, but not over tasks like these."""
    rows = planted({"l1": 1.0, "random": 0.0}, tasks=2, noise=0.0001)
    rows.loc[rows["method"].eq("l1") & rows["dataset"].eq("d1"), "test_accuracy"] += 0.02
    assert answers(rows) == [
        f"At 35 % of the MACs, no method is shown to differ from {NARROWER}: 1 practically equal, 1 undecided (over 2 "
        "tasks).",
        f"On exactly these 2 tasks, l1 is more accurate than {NARROWER}; of the others, 1 practically equal.",
    ]


def test_a_method_on_fewer_tasks_is_not_judged_with_those_on_all() -> None:
    rows = planted({"l1": 0.0, "l2": 5.0})
    (said,) = answers(rows[~rows["method"].eq("l2") | rows["dataset"].eq("d0")])
    assert said.endswith(f"{NARROWER}: 1 practically equal (over 6 tasks; 1 method on fewer tasks not counted).")


def test_the_size_that_the_switcher_chose_is_said_with_what_it_costs() -> None:
    rows = planted({"switcher": 2.0}, target="match:switcher")
    rows.loc[rows["method"] == "switcher", ["target", "macs"]] = ["free", 7500.0]
    first, second = answers(rows)
    assert first.startswith(
        "Left to choose its size, the switcher keeps 75 % of the MACs and is within 0.5 points of the dense"
    )
    assert re.search(r"\([+-]0\.0\d points, 95 % interval [+-]0\.\d\d to [+-]0\.\d\d, over 6 tasks\)\.$", first)
    assert second == "At the size that the switcher chose, uniform is less accurate than the switcher (over 6 tasks)."


def test_one_task_is_judged_by_its_seeds_and_says_so() -> None:
    (said,) = answers(planted({"l1": 3.0}, tasks=1))
    assert said == f"At 35 % of the MACs, l1 is more accurate than {NARROWER} (one task, 3 runs)."


def test_runs_without_a_score_are_counted() -> None:
    rows = planted({"l1": 0.0})
    rows.loc[rows["method"].eq("l1") & rows["seed"].eq(0), ["status", "test_accuracy"]] = ["diverged", np.nan]
    assert answers(rows)[-1] == "6 of 54 runs have no score, and count in no mean."


def test_without_a_narrower_network_random_channels_are_the_control() -> None:
    rows = planted({"random": -2.0, "l1": 1.0})
    rows = rows[rows["method"].ne("uniform") & (rows["target"].ne("free") | rows["method"].eq("dense"))]
    assert any("l1 is more accurate than random channels" in sentence for sentence in answers(rows)), answers(rows)


def test_without_anything_to_compare_it_says_so() -> None:
    nothing = ["No method ran that can be compared with the dense network or with another."]
    assert answers(pd.DataFrame([make_dense()])) == nothing == answers(pd.DataFrame([make_row(target="from:lenet5")]))


def test_no_sentence_spells_a_config() -> None:
    rows = make_study([*METHODS, "switcher,lr=0.005,input=noise", "slimming,ranking=uniform"])
    spelled = re.compile(r"macs=|match:|from:|free\b(?! factor)|\w=\w|\w_\w")
    for said in (answers(rows), of_page(rows, [])):
        assert len(said) > 2 and not list(filter(spelled.search, said)), said


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("l1", "l1"),
        ("free_factor", "free factor"),
        ("switcher,lr=0.005,input=noise", "switcher (input noise)"),
        ("gate_decorator,tick_steps=5", "gate decorator (tick steps 5)"),
    ],
)
def test_names_as_they_are_spoken(label: str, name: str) -> None:
    assert spoken(label) == name
