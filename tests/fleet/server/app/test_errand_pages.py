"""Errands of any day, by station, kind and outcome, page by page; and stations by the words that people type."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from fastapi import FastAPI

from fleet.server.sign_in.service import Access
from fleet.server.stations.dependencies import matching_stations
from fleet.server.web.roles import Role
from tests.fakes.server.alerts import FakeAlerts
from tests.fakes.server.readings import NOW, FakeReadings, demo_readings
from tests.fakes.server.visitors import COOKIE, session
from tests.fleet.server.app.asgi import get

asynchronous = pytest.mark.asyncio


def listed(text: str) -> list[str]:
    """The errands of a page, in its order."""
    return re.findall(r'id="errand-(0[0-9a-f-]+)"', text)


@asynchronous
@pytest.mark.parametrize(
    ("query", "many"),
    [
        ("", 24),
        ("station=Lasarettet", 10),
        ("station=lasarettet-a", 10),
        ("station=regionhuset&outcome=done", 4),
        ("kind=unblock", 4),
        ("outcome=going_on", 1),
        ("kind=nonsense&outcome=nonsense&day=nonsense", 24),
        ("station=nowhere", 0),
    ],
)
async def test_the_list_holds_what_the_address_asks_for(app: FastAPI, query: str, many: int) -> None:
    answer = await get(app, f"/errands?{query}")
    assert len(listed(answer.text)) == many
    assert ("Inget ärende passar." in answer.text) == (many == 0)


@asynchronous
async def test_another_day_is_named_and_its_errand_shown_among_its_own(app: FastAPI, readings: FakeReadings) -> None:
    early = replace(readings.errand_rows[0], errand="early", started=NOW - timedelta(days=9), ended=NOW, outcome="done")
    readings.errand_rows.append(early)
    for path in ("/errands?day=2026-11-16", "/errands/early"):
        answer = await get(app, path)
        assert "<h1>Ärenden 16 nov 2026</h1>" in answer.text
        assert re.findall(r'id="errand-(\w+)"', answer.text)[:1] == ["early"]
        assert 'value="2026-11-16"' in answer.text
    assert (await get(app, "/exports/errands?day=2026-11-16")).text.count("\n") == 2


@asynchronous
async def test_pages_follow_each_other_without_a_gap_though_errands_begin(app: FastAPI, readings: FakeReadings) -> None:
    pattern = readings.errand_rows[0]
    for number in range(130):
        started = NOW - timedelta(hours=4, seconds=number)
        readings.errand_rows.append(replace(pattern, errand=f"0-{number:03}", started=started))
    first = await get(app, "/errands")
    assert "De senaste 100 visas." in first.text
    older = re.findall(r'rel="next" href="([^"]+)"', first.text)[0]
    readings.errand_rows.append(replace(pattern, errand="0-new", started=NOW))
    second = await get(app, older)
    assert len(listed(first.text)) == 100
    assert listed(second.text)[0] == "0-076"
    assert len(listed(second.text)) == 54
    assert "Äldre" not in second.text
    assert 'href="/errands?"' in second.text


@asynchronous
async def test_an_errand_keeps_the_list_that_it_was_chosen_from(app: FastAPI) -> None:
    answer = await get(app, "/errands?kind=unblock")
    one = listed(answer.text)[0]
    assert f'href="/errands/{one}?kind=unblock"' in answer.text
    assert listed((await get(app, f"/errands/{one}?kind=unblock")).text) == listed(answer.text)


@asynchronous
async def test_who_may_see_no_people_gets_no_link_that_is_refused(app: FastAPI, access: Access) -> None:
    cookie = f"{COOKIE}={session(access, Role.VIEWER, '*', 'looking.test')}"
    for path in ("/errands", "/stations/lasarettet-a"):
        assert 'href="/errands/' not in (await get(app, path, cookie=cookie)).text


@asynchronous
async def test_who_only_looks_is_led_to_nothing_that_is_refused(app: FastAPI, access: Access) -> None:
    cookie = f"{COOKIE}={session(access, Role.VIEWER, '*', 'looking.test')}"
    page = (await get(app, "/", cookie=cookie)).text
    assert "Ta larmet" not in page
    assert "/orders" not in page
    assert "NS-20417" in page
    assert "Ta larmet" not in (await get(app, "/alerts", cookie=cookie)).text


@asynchronous
async def test_other_lists_know_a_station_by_its_title_too(app: FastAPI, alerts: FakeAlerts) -> None:
    many = (await get(app, "/alerts?station=lasarettet-a")).text.count('<tr id="alert-')
    assert many > 0
    assert (await get(app, "/alerts?station=entr%C3%A9+a")).text.count('<tr id="alert-') == many
    assert (await get(app, "/alerts?station=Regionhuset")).text.count('<tr id="alert-') == 0


def test_a_name_means_one_station_and_words_mean_all_that_have_them() -> None:
    rows = demo_readings().station_rows
    rows.append(replace(rows[0], name="lasarettet-a2", title="Lasarettet, entré A2"))
    assert matching_stations(rows, "lasarettet-a") == {"lasarettet-a"}
    assert matching_stations(rows, "LASARETTET entré") == {"lasarettet-a", "lasarettet-a2", "lasarettet-c"}
    assert matching_stations(rows, "nowhere") == frozenset()


@asynchronous
async def test_what_is_typed_never_reaches_another_region(app: FastAPI, access: Access) -> None:
    cookie = f"{COOKIE}={session(access, Role.VIEWER, 'angsvik', 'narrow.test')}"
    for typed in ("lasarettet-a", "Lasarettet", "*", "lasarettet-*"):
        answer = await get(app, f"/exports/errands?station={typed}", cookie=cookie)
        assert "lasarettet" not in answer.text
        assert '<tr id="alert-' not in (await get(app, f"/alerts?station={typed}", cookie=cookie)).text
