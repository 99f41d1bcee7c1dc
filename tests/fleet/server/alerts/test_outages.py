"""One outage of many stations is one alert with its list, and one word to people; it ends station by station."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from fleet.messages.link import UpdateState, encode
from fleet.server.alerts import queries as alerting
from fleet.server.alerts.model import AlertRow
from fleet.server.alerts.service import AlertService
from fleet.server.alerts.settings import Email, Outage
from fleet.server.database.database import Database
from fleet.server.ingest.parse import ArrivedPresence, ArrivedState
from fleet.server.ingest.write import Writer
from tests.fakes.server.alert_monitor import SETTINGS, STATE, STATE_TEXT, Desk
from tests.fakes.server.databases import either as database
from tests.fakes.server.databases import on_postgres
from tests.fleet.server.conftest import NOW, KeptChanges, writer

__all__ = ["database", "on_postgres", "writer"]

POST = Email("post", "127.0.0.1", "k@example.test", ("drift@example.test",))
NAMES = [f"{'entre' if number % 2 else 'akut'}-{number:02}" for number in range(40)]


@pytest.fixture
def desk(database: Database, writer: Writer) -> Desk:
    """Forty stations, the last word of each at another second of a minute, as they speak."""
    settings = msgspec.structs.replace(SETTINGS, outage=Outage(), webhook=SETTINGS.webhook[:1], email=(POST,))
    desk = Desk(database, writer, settings)
    for number, name in enumerate(NAMES):
        speaks(desk, name, at=NOW + timedelta(seconds=1.5 * number))
    return desk


def speaks(desk: Desk, *names: str, at: datetime | None = None) -> None:
    said = [one for name in names for one in (ArrivedPresence(name, True), ArrivedState(name, STATE_TEXT))]
    desk.writer.commit(said, at or desk.now)


def watch(desk: Desk, seconds: int) -> Desk:
    """As the server does: a look every ten seconds, and word to people in between."""
    for _ in range(seconds // 10):
        desk.later(5).service.tell()
        desk.later(5).service.look()
    return desk


def listed(desk: Desk, patterns: str = "*", **which: object) -> list[AlertRow]:
    alerts = AlertService(desk.database, KeptChanges(), lambda: desk.now, frozenset({patterns}))
    return alerts.list_alerts(is_open=True, **which)[0]  # type: ignore[arg-type]


def test_many_that_fall_silent_at_once_are_one_alert_and_one_word(desk: Desk) -> None:
    (outage,) = listed(watch(desk, 400))
    assert (outage.station, outage.code, outage.stations, outage.still) == ("", "silent", 40, 40)
    assert (outage.first, outage.severity) == (NOW, "warning")
    assert desk.told == [("all", "opened", "silent"), ("post", "opened", "silent")]
    members = listed(desk, outage=outage.id, limit=100)
    assert sorted(row.station for row in members) == sorted(NAMES)
    assert listed(desk, station="entre-01") == [row for row in members if row.station == "entre-01"]
    (gone,) = listed(watch(desk, 900))
    assert (gone.code, gone.stations, gone.still) == ("offline", 40, 40)
    assert desk.told[2:] == [("all", "opened", "offline"), ("post", "opened", "offline")]


def test_it_ends_station_by_station_and_is_told_to_be_over_once(desk: Desk) -> None:
    watch(desk, 1300)
    told = len(desk.told)
    speaks(desk, *NAMES[:30])
    (outage,) = listed(watch(desk, 20))
    assert (outage.stations, outage.still) == (40, 10)
    assert len(desk.told) == told
    speaks(desk, *NAMES)
    assert listed(watch(desk, 20)) == []
    assert desk.told[told:] == [("all", "closed", "offline"), ("post", "closed", "offline")]


def test_who_sees_some_stations_sees_those_of_them(desk: Desk) -> None:
    watch(desk, 400)
    assert {row.station for row in listed(desk, "entre-*")} == {name for name in NAMES if name.startswith("entre")}


def test_a_few_and_what_began_at_another_time_are_alerts_of_their_own(desk: Desk) -> None:
    still_there = NAMES[:36]
    for _ in range(5):
        speaks(desk, *still_there, at=desk.later(60).now)
        desk.service.look()
    assert sorted(row.station for row in listed(desk)) == sorted(NAMES[36:])
    watch(desk, 120)
    assert [what for name, what, _ in desk.told if name == "all"] == ["opened"] * 4
    assert {row.stations for row in listed(watch(desk, 200)) if row.code == "silent"} == {None, 36}


def test_who_takes_an_outage_takes_all_of_it(desk: Desk) -> None:
    (outage,) = listed(watch(desk, 400))
    with desk.database.writing.begin() as connection:
        alerting.acknowledge(connection, outage.id, "tove.test", "The network is down", desk.now)
    assert {(row.by, row.note) for row in listed(desk, outage=outage.id)} == {("tove.test", "The network is down")}


def test_the_same_outage_again_within_a_quarter_of_an_hour_is_one_alert(desk: Desk) -> None:
    watch(desk, 400)
    speaks(desk, *NAMES)
    watch(desk, 20)
    (again,) = listed(watch(desk, 200))
    assert (again.stations, again.still, again.closed) == (40, 40, None)


LAST_WILL_S = 31
"""A broker gives up a line half as long again after its last word as `KEEPALIVE_S` says."""


def leaves(desk: Desk, *names: str) -> None:
    desk.writer.commit([ArrivedPresence(name, False) for name in names], desk.now)


def test_a_cable_that_is_pulled_is_told_within_ninety_seconds_while_others_of_the_site_are_heard(desk: Desk) -> None:
    pulled = desk.later(60).now
    speaks(desk, *NAMES)
    leaves(desk.later(LAST_WILL_S), "entre-07")
    while not desk.told and desk.now - pulled < timedelta(minutes=5):
        speaks(desk, *set(NAMES) - {"entre-07"})
        watch(desk, 10)
    assert desk.told == [("all", "opened", "cut_off"), ("post", "opened", "cut_off")]
    assert (desk.now - pulled).total_seconds() <= 90
    for _ in range(30):
        speaks(desk, *set(NAMES) - {"entre-07"})
        watch(desk, 10)
    assert [(row.station, row.code) for row in listed(desk)] == [("entre-07", "cut_off")], "and not offline as well"
    speaks(desk, *NAMES)
    assert listed(watch(desk, 20)) == []


def test_a_whole_site_s_outage_is_one_alert_and_nobody_s_cable(desk: Desk) -> None:
    """Its last wills come one after the other, as far apart as the pings were."""
    entre = [name for name in NAMES if name.startswith("entre")]
    for number, name in enumerate(entre):
        leaves(desk, name)
        if number % 5 == 4:
            desk.later(5).service.look()
    for _ in range(40):
        speaks(desk, *set(NAMES) - set(entre))
        watch(desk, 10)
    (outage,) = listed(desk)
    assert (outage.code, outage.stations) == ("offline", len(entre))
    assert [code for _, _, code in desk.told] == ["offline", "offline"]


@pytest.mark.parametrize(
    "state", [{"out_of_service": "command"}, {"update": UpdateState("kortkiosk-arm64", "A", "restarting")}]
)
def test_a_station_that_was_out_of_service_or_restarts_has_no_cable_pulled(desk: Desk, state: dict[str, Any]) -> None:
    text = encode(msgspec.structs.replace(STATE, **state)).decode()
    desk.writer.commit([ArrivedState("entre-07", text), ArrivedPresence("entre-07", False)], desk.now)
    for _ in range(10):
        speaks(desk, *set(NAMES) - {"entre-07"})
        watch(desk, 10)
    assert listed(desk) == []
