"""What a study found, in sentences for people: no spelling of a config, and the uncertainty in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from benchmarks.report.stats.comparisons import against_control, ranked_targets
from benchmarks.report.stats.estimands import RELEVANT, Estimate, fixed_tasks, outcome, outcomes, tasks_or_seeds
from benchmarks.report.stats.names import BASELINE, CONTROLS, SUBJECT, plain_names, subject
from benchmarks.report.stats.summary import FREE, TASK, scored
from benchmarks.schemas.target import Target

MOST = 4
"""Names that a sentence has room for."""


def answers(rows: pd.DataFrame) -> list[str]:
    """The size that methods choose, what they lose by it, and who is better than whom at equal MACs."""
    runs = scored(rows)
    targets = map(Target.parse, ranked_targets(rows))
    sentences = [*_unconstrained(rows, runs), *(said for target in targets for said in _at(target, runs))]
    lost = len(rows) - len(runs)
    if sentences and lost:
        verbs = ("has", "counts") if lost == 1 else ("have", "count")
        sentences.append("{} of {:,} runs {} no score, and {} in no mean.".format(lost, len(rows), *verbs))
    return sentences or ["No method ran that can be compared with the dense network or with another."]


def spoken(label: str) -> str:
    """A method's name in a sentence: `soft_filter` is "soft filter", a knob stands in brackets."""
    key, *knobs = plain_names([label])[label].split(",")
    set_to = ", ".join(knob.replace("=", " ").replace("_", " ") for knob in knobs)
    return " ".join((key.replace("_", " ") + (f" ({set_to})" if knobs else "")).split())


def _named(label: str) -> str:
    """The same with an article for the method that this suite examines."""
    return f"the {spoken(label)}" if label.split(",")[0] == SUBJECT else spoken(label)


def _unconstrained(rows: pd.DataFrame, runs: pd.DataFrame) -> Iterator[str]:
    """Of the examined method, or without it of a few others: the size that it chooses, and what that costs."""
    free = runs[(runs["target"] == FREE) & (runs["method"] != BASELINE)]
    examined = subject(rows)
    for method in [examined] if examined in set(rows["method"]) else sorted(set(free["method"]))[:MOST]:
        own = free[(free["method"] == method) & free["difference"].notna()]
        if own.empty:
            continue
        found = tasks_or_seeds(100 * own.set_index(TASK)["difference"])
        kept = own.groupby(TASK)["macs_kept"].mean().mean()
        word = {
            "better": " and is more accurate than the dense network",
            "worse": " and is less accurate than the dense network",
            "practically equal": f" and is within {RELEVANT} points of the dense network's accuracy",
            "undecided": "; whether that costs accuracy, these runs cannot tell",
        }[outcome(found)]
        yield f"Left to choose its size, {_named(method)} keeps {100 * kept:.0f} % of the MACs{word} ({_size(found)})."


def _at(target: Target, runs: pd.DataFrame) -> Iterator[str]:
    """At equal MACs, every method that ran on all tasks against a control: over tasks, and for exactly these."""
    if (compared := against_control(runs, target)) is None:
        return
    control, pairs = compared
    where = f"At the size that {_named(control)} chose"
    if target.fraction:
        where = f"At {100 * target.fraction:g} % of the MACs"
    points = {str(m): own.set_index(TASK)["points"] for m, own in pairs.groupby("method")}
    most = max((len(set(own.index)) for own in points.values()), default=0)
    everywhere = {method: own for method, own in points.items() if len(set(own.index)) == most}
    if not everywhere:
        return
    count, points = len(points) - len(everywhere), everywhere
    fewer = f"; {count} method{'s' * (count > 1)} on fewer tasks not counted" if count else ""
    against = _named(control) if target.matched else CONTROLS[control.split(",")[0]]
    over = {method: tasks_or_seeds(own) for method, own in points.items()}
    words = _words(over)
    scope = _scope(max(over.values(), key=lambda one: one.runs))
    yield f"{where}, {_compared(words, against)} ({scope}{fewer})."
    here = _words({method: fixed_tasks(own) for method, own in points.items()})
    if any(word in ("better", "worse") and word != words[method] for method, word in here.items()):
        yield f"On exactly these {most} tasks, {_compared(here, against)}."


def _words(found: Mapping[str, Estimate]) -> dict[str, str]:
    return dict(zip(found, outcomes(list(found.values())), strict=True))


def _compared(words: Mapping[str, str], control: str) -> str:
    named = {word: sorted(method for method, own in words.items() if own == word) for word in set(words.values())}
    clauses = [
        f"{_listed(named[word])} {'is' if len(named[word]) == 1 else 'are'} {said} accurate than {control}"
        for word, said in (("better", "more"), ("worse", "less"))
        if word in named
    ]
    none = f"no {'other method' if clauses else 'method'} is shown to differ from {control}"
    rest = [f"{len(named['practically equal'])} practically equal"] if "practically equal" in named else []
    rest += [f"{len(named['undecided'])} undecided"] if "undecided" in named else []
    return (
        " and ".join(clauses) + (f"; of the others, {', '.join(rest)}" if rest else "")
        if clauses
        else (f"{none}: {', '.join(rest)}")
    )


def _listed(methods: Sequence[str]) -> str:
    names = [spoken(method) for method in methods]
    if len(names) > MOST:
        names = [*names[: MOST - 1], f"{len(names) - MOST + 1} more"]
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]


def _size(found: Estimate) -> str:
    low, high = found.interval()
    interval = f", 95 % interval {low:+z.2f} to {high:+z.2f}" if low == low else ""
    return f"{found.mean:+z.2f} points{interval}, {_scope(found)}"


def _scope(found: Estimate) -> str:
    return f"over {found.tasks} tasks" if found.tasks > 1 else f"one task, {found.runs} run{'s' * (found.runs != 1)}"
