"""Write the generated parts of the pages: `make docs`.

The table of methods follows the docstrings of methods/; the table of results follows the published reference study.
"""

import csv
import re

from benchmarks import registry
from benchmarks.report.stats.names import plain_names
from benchmarks.report.tables.across import target_order

RESULTS = registry.ROOT / "results/published/reference/tables/overall.csv"
FIRST = re.compile(r"(?P<name>[^:,]+?)(?:, (?P<role>a (?:control|question)[^:]*))?: (?P<source>.+)\.", flags=re.S)
IDEA = re.compile(r"Idea: (.*?)(?<! al)[.:;](?:\s|$)", flags=re.S)
AUTHORS = re.compile(r"^(?P<first>[^\",]+)(, [^\"]+)? and (?P<last>[^,\"]+), ")


def line(key: str) -> str:
    """A method's row of docs/methods.md. Raises ValueError if the docstring of its file has another form."""
    card = registry.card(key)
    first, idea = FIRST.fullmatch(" ".join(card.doc.split("\n\n")[0].split())), IDEA.search(card.doc)
    if not first or not idea:
        raise ValueError(
            f"methods/{key}.py: the docstring must open with `<Name>: <authors>, <title in quotes>, <venue year>.` or "
            "`<Name>, a control: <what it controls>.`, and hold a paragraph that begins with `Idea:`"
        )
    name, role, source = first["name"], first["role"], first["source"]
    is_paper = '"' in source
    what, source = (idea[1], AUTHORS.sub(_few, source)) if is_paper else (source, role)
    return (
        "| "
        + " | ".join(" ".join(cell.split()).replace("|", r"\|") for cell in (f"`{key}`", name, what, source))
        + " |"
    )


def _few(authors: re.Match[str]) -> str:
    """One or two authors by name; more as the first and "et al."."""
    return f"{authors['first']} et al., " if authors[2] else f"{authors['first']} and {authors['last']}, "


def methods() -> str:
    """A row for every file of methods/."""
    head = ["| key | method | idea | source |", "|---|---|---|---|"]
    return "\n".join(head + [line(key) for key in registry.keys("method")])


def results() -> str:
    """Test accuracy against dense of every method of the reference study, with a column for each target.

    Where a method ran on fewer tasks than others at the target, their number stands in brackets.
    """
    with RESULTS.open(newline="") as file:
        cells = {(row["method"], row["target"]): row for row in csv.DictReader(file)}
    targets = sorted({target for _, target in cells}, key=target_order)
    most = {target: max(int(row["tasks"]) for (_, at), row in cells.items() if at == target) for target in targets}
    names = sorted({method for method, _ in cells} - {"dense"}, key=lambda name: (name != "switcher", name))
    plain = plain_names(names)
    lines = ["| method | " + " | ".join(targets) + " |", "|---" + "|---:" * len(targets) + "|"]
    for name in names:
        shown = [_difference(cells.get((name, target)), most[target]) for target in targets]
        lines.append(f"| `{plain[name]}` | " + " | ".join(shown) + " |")
    return "\n".join(lines)


def _difference(row: dict[str, str] | None, tasks: int) -> str:
    if row is None:
        return ""
    middle, half, kept = (100 * float(row[name]) for name in ("difference", "fixed_half", "macs_kept"))
    lost = int(row["planned"]) - int(row["scored"])
    size = f" at {kept:.0f} %" if row["target"] == "free" else ""
    few = f" ({row['tasks']})" if int(row["tasks"]) < tasks else ""
    return f"{middle:+z.2f} ± {half:.2f}{size}{few}" + (f", {lost} failed" if lost else "")


def filled(text: str, name: str, content: str) -> str:
    """The text with the content between the marks of that name; unchanged if it has no such marks."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    return f"{before}{begin}\n{content}\n{end}{after}" if rest else text


PARTS = {"README.md": ("results", results), "docs/methods.md": ("methods", methods)}
"""Page -> name of its generated part, and what writes it."""


def written(page: str) -> str:
    """The page as it has to be: its generated part follows the files of methods/, or the published rows."""
    name, content = PARTS[page]
    return filled((registry.ROOT / page).read_text(), name, content())


if __name__ == "__main__":
    for page in PARTS:
        (registry.ROOT / page).write_text(written(page))
