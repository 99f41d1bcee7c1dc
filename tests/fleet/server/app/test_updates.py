"""Who runs what: the newest is the highest version, the data that counts is what most hold."""

from dataclasses import replace

import msgspec
import pytest
from fastapi import FastAPI

from fleet.server.stations.model import StationRow
from fleet.server.stations.version_pages import VersionFilter, newest, runs_of, shares
from tests.fakes.server.readings import FakeReadings, demo_readings
from tests.fleet.server.app.asgi import get

A, B = "aa" * 32, "bb" * 32
SAID: list[tuple[str, str | None, str | None, str | None]] = [
    ("0.10.0", "1.0.0", "2026.3", A),
    ("0.10.0", None, None, A),
    ("0.9.2", "0.9.4", "2026.3", A),
    ("0.10.0", "1.0.0", "2025.12", B),
    ("0.10.0", "1.0.0", "debian 13", None),
]
"""Program, firmware, image and set of the region's data of five stations."""


@pytest.mark.parametrize(
    ("versions", "highest"),
    [(["0.9.2", "0.10.0"], "0.10.0"), (["1.0", "1.0.1"], "1.0.1"), (["dev", "0.1"], "0.1"), ([], None)],
)
def test_versions_are_compared_by_their_numbers(versions: list[str], highest: str | None) -> None:
    assert newest(versions) == highest


def fleet() -> list[StationRow]:
    rows = []
    for row, (version, firmware, image, region) in zip(demo_readings().station_rows, SAID, strict=False):
        assert row.state is not None
        said = {"version": version, "firmware": firmware, "image": image, "region": region}
        rows.append(replace(row, state=msgspec.structs.replace(row.state, **said)))
    return rows


def test_who_lags_in_what() -> None:
    """A station without a board, or that says nothing of its image, lags in neither."""
    rows = fleet()
    late = {one.row.name: set(one.late) for one in runs_of(rows)}
    expected = [set(), set(), {"program", "firmware"}, {"image", "region"}, {"image", "region"}]
    assert late == {row.name: parts for row, parts in zip(rows, expected, strict=True)}
    assert [bool(one.late) for one in runs_of(rows)] == [True, True, True, False, False]
    assert [(one.name, one.stations, one.of) for one in shares(["b", "a", "b"])] == [("b", 2, 3), ("a", 1, 3)]


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ({}, [2, 3, 4]),
        ({"show": "all"}, [0, 1, 2, 3, 4]),
        ({"part": "image"}, [3, 4]),
        ({"part": "firmware", "version": "1.0.0", "show": "all"}, [0, 3, 4]),
        ({"part": "program", "version": "0.9.2"}, [2]),
        ({"part": "region", "version": "aaaa", "show": "all"}, [0, 1, 2]),
        ({"part": "program", "version": "0.9", "show": "all"}, []),
        ({"part": "nothing", "version": "0.9.2"}, [2, 3, 4]),
    ],
)
def test_the_list_is_narrowed(query: dict[str, str], wanted: list[int]) -> None:
    rows, wish = fleet(), VersionFilter.of(**{"stations": "", "show": "", "part": "", "version": "", **query})
    assert {one.row.name for one in runs_of(rows) if wish.fits(one)} == {rows[number].name for number in wanted}


async def test_the_page_names_them_and_a_group_of_its_own(app: FastAPI, readings: FakeReadings) -> None:
    rows = readings.station_rows = fleet()
    page = (await get(app, "/updates", accept_language="sv")).text
    assert "Tre stationer ligger efter" in page
    assert 'id="runs-' + rows[2].name in page
    assert 'id="runs-' + rows[0].name not in page
    assert all(said in page for said in ("saknas", "0.9.4", "2025.12"))
    assert "/updates?part=firmware&amp;version=0.9.4&amp;show=all" in page
    one = (await get(app, f"/updates?stations={rows[0].name}", accept_language="sv")).text
    assert "Alla kör det senaste" in one
    export = (await get(app, "/exports/updates?show=all&part=program&version=0.9.2", accept_language="en")).text
    head, *lines = export.lstrip("\ufeff").splitlines()
    assert head == "Station;Name;Program;Cabinet firmware;Image;The region's data;Heard"
    assert [line.split(";")[:5] for line in lines] == [[rows[2].name, rows[2].title, "0.9.2", "0.9.4", "2026.3"]]


async def test_a_fleet_that_is_alike_is_calm(app: FastAPI) -> None:
    assert "Ingen station ligger efter." in (await get(app, "/updates", accept_language="sv")).text
