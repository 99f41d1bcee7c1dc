"""The glossary is short, and whoever searches the code for a word of the field lands in the file that it names."""

import re

import pytest

from tests.docs.pages import DOCS, ROOT

PAGE = (DOCS / "glossary.md").read_text()
ROWS = [
    (terms.split(", "), re.findall(r"`([\w/.]+)`", where))
    for terms, _, where in re.findall(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", PAGE, re.MULTILINE)
    if terms not in ("term", "---")
]


def test_it_is_short_and_sorted() -> None:
    assert len(PAGE.splitlines()) < 80
    field = [
        terms[0].casefold() for terms, _ in ROWS if PAGE.index(f"| {', '.join(terms)} |") > PAGE.index("## Words of")
    ]
    assert field == sorted(field)


@pytest.mark.parametrize(("terms", "paths"), ROWS, ids=[terms[0] for terms, _ in ROWS])
def test_a_search_for_the_term_lands_there(terms: list[str], paths: list[str]) -> None:
    """One of its names stands in each file, or in some file of each folder, whatever its hyphens, slashes and capitals."""
    for path in (ROOT / each for each in paths):
        files = [path] if path.is_file() else [*path.rglob("*.py"), *path.rglob("*.css")]
        text = re.sub("[-_/]", " ", "\n".join(file.read_text() for file in files).casefold())
        names = [re.sub(r"\W+", " ", term.casefold()).strip() for term in terms]
        assert any(name in text for name in names), f"{path.relative_to(ROOT)} has none of {names}"
