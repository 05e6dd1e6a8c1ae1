"""The README's table of methods, written from the first lines of their files: python -m workflow.scripts.catalogue."""

import re

from benchmarks import registry

README = registry.ROOT / "README.md"
BEGIN, END = "<!-- methods: begin -->", "<!-- methods: end -->"
FIRST = re.compile(r"(?P<name>[^:,]+?)(?:, (?P<role>a (?:control|question)[^:]*))?: (?P<source>.+)\.", flags=re.S)
IDEA = re.compile(r"Idea: (.*?)(?<! al)[.:;](?:\s|$)", flags=re.S)
AUTHORS = re.compile(r"^(?P<first>[^\",]+)(, [^\"]+)? and (?P<last>[^,\"]+), ")


def line(key: str) -> str:
    """One row of the table. Raises ValueError where a file does not open as the others do."""
    card = registry.card(key)
    first, idea = FIRST.fullmatch(" ".join(card.doc.split("\n\n")[0].split())), IDEA.search(card.doc)
    if not first or not idea:
        raise ValueError(f"methods/{key}.py must open with `<Name>: <authors>, <title>, <venue year>.`, then `Idea:`")
    name, role, source = first["name"], first["role"], first["source"]
    is_paper = '"' in source
    what, source = (idea[1], AUTHORS.sub(_few, source)) if is_paper else (source, role)
    return (
        "| "
        + " | ".join(" ".join(cell.split()).replace("|", r"\|") for cell in (f"`{key}`", name, what, source))
        + " |"
    )


def _few(authors: re.Match[str]) -> str:
    """One or two by name."""
    return f"{authors['first']} et al., " if authors[2] else f"{authors['first']} and {authors['last']}, "


def table() -> str:
    """Every file of methods/."""
    head = ["| key | method | idea | source |", "|---|---|---|---|"]
    return "\n".join(head + [line(key) for key in registry.keys("method")])


def written(text: str) -> str:
    """The README with the table between its marks."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


if __name__ == "__main__":
    README.write_text(written(README.read_text()))
