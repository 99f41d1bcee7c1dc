"""The list of stations as somebody wants it: filter, order and page are in the address."""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from msgspec.structs import replace as replace_field

from fleet.server.pages import rooms
from fleet.server.stations import list_filter
from fleet.server.stations.list_filter import StationFilter, filter_stations
from tests.fakes.server.readings import NOW, FakeReadings, demo_readings
from tests.fleet.server.app.asgi import get

ROWS = demo_readings().station_rows


def titles(q: str = "", level: str = "") -> list[str]:
    return [row.title for row in filter_stations(ROWS, StationFilter.of(q, level, "worst"))]


def test_all_words_of_a_search_are_found_in_title_or_name() -> None:
    assert titles("entré LASARETTET") == titles("lasarettet entré") != []
    assert titles("lasarettet-a") == ["Lasarettet, entré A"]
    assert titles("lasarettet angsvik") == []


def test_a_level_is_that_of_the_mark() -> None:
    every = [titles(level=level) for level in ("ba", "wa", "of", "ok")]
    assert sum(map(len, every)) == len(ROWS)
    assert every[0] == ["Lasarettet, entré C"]


MACROS = Path(rooms.__file__).parent / "templates" / "macros.html"
SORTED = re.findall(r"""\bsorted\("(\w+)", t\(""", MACROS.read_text(encoding="utf-8"))
"""Columns whose headings turn the list."""


@pytest.mark.parametrize("column", SORTED)
def test_a_column_from_either_end(column: str) -> None:
    rows = [replace(row, state=replace_field(row.state, version=row.name)) for row in ROWS if row.state]
    up, down = (filter_stations(rows, StationFilter.of("", "", sort)) for sort in (column, f"-{column}"))
    assert {row.name for row in up} == {row.name for row in down}
    assert up[0] != down[0], "the list does not sort by it, or all stations of the test are alike"


def test_the_list_sorts_by_its_headings_and_by_nothing_else() -> None:
    assert set(SORTED) == list_filter.SORT_KEYS.keys()


def test_who_was_never_heard_comes_first_and_odd_wishes_are_as_if_not_there() -> None:
    silent = replace(ROWS[5], heard=None, state=None)
    rows = [replace(row, heard=NOW - timedelta(minutes=1)) for row in ROWS[:5]] + [silent]
    assert filter_stations(rows, StationFilter.of("", "", "heard"))[0] == silent
    assert StationFilter.of(" x ", "<script>", "-name") == StationFilter("x")
    assert StationFilter.of("", "", "-heard").query == {"sort": "-heard"}


async def test_the_page_keeps_the_wish_in_its_address(app: FastAPI, readings: FakeReadings) -> None:
    page = (await get(app, "/stations?q=lasarettet&sort=-heard", accept_language="sv")).text
    assert 'aria-sort="descending"' in page
    assert 'href="/stations?q=lasarettet&amp;sort=heard"' in page
    assert 'href="/exports/stations?format=csv&amp;q=lasarettet&amp;sort=-heard"' in page
    assert 'value="lasarettet"' in page
    assert page.count('id="station-') == 2
    assert "Ingen station passar." in (await get(app, "/stations?q=nowhere", accept_language="sv")).text


async def test_a_fleet_of_thousands_is_a_small_page(app: FastAPI, readings: FakeReadings) -> None:
    readings.station_rows = [replace(ROWS[0], name=f"st-{number}", title=f"Station {number}") for number in range(3000)]
    readings.alarms = tuple((f"st-{number}", "order_expired", f"NS-{number}") for number in range(500))
    for path in ("/stations", "/"):
        answer = await get(app, path)
        assert len(answer.body) < 100_000, path
    assert "499 saker till" in answer.text
