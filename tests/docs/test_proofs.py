"""docs/proofs.md has one line for every fact and way in, drawn from the code."""

import re
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args
from unittest.mock import Mock

import pytest

from fleet.messages.link import Ask
from fleet.messages.vocabulary import AskName, EventType
from fleet.server.app import create_app
from fleet.server.cli import COMMANDS
from fleet.server.ingest.projections import KEPT_ALONE
from fleet.server.live_feed.hub import Hub
from fleet.server.store_cli import IMPORTS
from fleet.server.web.authorization import rights

PAGE = Path(__file__).parents[2] / "docs" / "proofs.md"
READS = frozenset({"GET", "HEAD"})


def lines(way: str) -> list[list[str]]:
    """The rows of the table of that way in, cell by cell."""
    found: list[list[str]] = []
    inside = False
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        inside = bool(cells) and (inside or cells[0] == way)
        if inside and cells[0] != way and not cells[0].startswith("---"):
            found.append(cells)
    return found


def named(way: str) -> Counter[str]:
    return Counter(name for cells in lines(way) for name in re.findall(r"`([^`]+)`", cells[0]))


def routes(*, api: bool) -> set[str]:
    """Those that change something; the parts that answer are not asked."""
    part, found = Mock(), set()
    app = create_app(part, Hub(), part, part, part, clock=lambda: datetime.now(UTC), evidence=part, cards=part)
    for path, methods, _ in rights(app.routes):
        if path.startswith("/api/v1/") is api:
            short = re.sub(r"\{[^}]+\}", "*", path.removeprefix("/api/v1"))
            found |= {f"{method} {short}" if api else short for method in methods - READS}
            assert api or methods - READS <= {"POST"}, path
    return found


DRAWN: dict[str, Callable[[], set[str]]] = {
    "ask": lambda: {str(kind.__struct_config__.tag) for kind in get_args(Ask)},
    "event": lambda: {kind.short for kind in EventType},
    "import": lambda: set(IMPORTS),
    "CLI": lambda: {command.name for command in COMMANDS} - set(IMPORTS),
    "directory": lambda: {"sync"},
    "API": lambda: routes(api=True),
    "page": lambda: routes(api=False),
}


@pytest.mark.parametrize("way", DRAWN)
def test_every_fact_has_one_line_and_every_line_names_one(way: str) -> None:
    said = named(way)
    assert (DRAWN[way]() - said.keys(), said.keys() - DRAWN[way]()) == (set(), set())
    assert [name for name, many in said.items() if many > 1] == []


@pytest.mark.parametrize("way", DRAWN)
def test_every_line_says_whose_word_it_takes_and_what_follows(way: str) -> None:
    assert [cells for cells in lines(way) if len(cells) != 3 or not all(cells)] == []


def test_no_event_moves_an_order_to_its_holder_or_names_anybody_who_counts() -> None:
    """What a line says of events is what the code does with them."""
    rows = {name: cells for cells in lines("event") for name in re.findall(r"`([^`]+)`", cells[0])}
    assert {kind.short for kind in KEPT_ALONE} == {
        name for name, cells in rows.items() if cells[2] == "its own row"
    } | {"effect.unknown", "identity.attested"}
    assert set(AskName) <= DRAWN["ask"]()
