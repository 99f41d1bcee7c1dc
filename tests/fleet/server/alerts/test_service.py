"""What pages and programs may see and take: the alerts of the stations that they are for."""

import pytest

from fleet.server.alerts import queries as alerting
from fleet.server.alerts.rules import RuleMatch
from fleet.server.alerts.service import AlertService
from fleet.server.alerts.transitions import OpenAlert
from fleet.server.database.database import Database
from tests.fakes.server.alert_monitor import SETTINGS
from tests.fakes.server.databases import either as database
from tests.fakes.server.databases import on_postgres
from tests.fleet.server.conftest import NOW, KeptChanges

__all__ = ["database", "on_postgres"]

STATIONS = ("entre-a", "entre-b", "akuten", "")


@pytest.fixture
def desk(database: Database) -> AlertService:
    opened = [OpenAlert(RuleMatch(station, "paper", "Printer", "paper_low"), silent=False) for station in STATIONS]
    with database.writing.begin() as connection:
        alerting.write(connection, opened, SETTINGS, NOW)
    return AlertService(database, KeptChanges(), lambda: NOW)


@pytest.mark.parametrize(
    ("patterns", "seen"),
    [
        ({"*"}, set(STATIONS)),
        ({"entre-*"}, {"entre-a", "entre-b"}),
        ({"akuten", "entre-b"}, {"akuten", "entre-b"}),
        ({"akut_*"}, set()),
        (set(), set()),
    ],
)
def test_a_desk_is_for_its_stations_alone(desk: AlertService, patterns: set[str], seen: set[str]) -> None:
    inside = desk.within(frozenset(patterns))
    rows, total = inside.list_alerts()
    assert {row.station for row in rows} == seen
    assert total == len(seen)
    assert {one.about.station for one in inside.queued_notices()} == seen
    for row in desk.list_alerts()[0]:
        assert (inside.find_alert(row.id) is not None) == (row.station in seen)
        assert (inside.acknowledge(row.id, "tove.test", "") is not None) == (row.station in seen)
        assert (desk.find_alert(row.id).by == "tove.test") == (row.station in seen)  # type: ignore[union-attr]


def test_open_and_closed_ones_apart_and_page_by_page(desk: AlertService, database: Database) -> None:
    with database.writing.begin() as connection:
        alerting.write(connection, [alerting.CloseAlert(1)], SETTINGS, NOW)
    assert [row.id for row in desk.list_alerts(is_open=False)[0]] == [1]
    assert [row.id for row in desk.list_alerts(is_open=True)[0]] == [4, 3, 2]
    assert [row.id for row in desk.list_alerts()[0]] == [4, 3, 2, 1]
    assert ([row.id for row in desk.list_alerts(limit=2, offset=2)[0]], desk.list_alerts(limit=2)[1]) == ([2, 1], 4)


def test_what_nobody_has_taken_comes_worst_first_and_silent_ones_do_not(desk: AlertService, database: Database) -> None:
    with database.writing.begin() as connection:
        more = [
            OpenAlert(RuleMatch("akuten", "offline"), silent=False),
            OpenAlert(RuleMatch("akuten", "reader", "x"), silent=True),
        ]
        alerting.write(connection, more, SETTINGS, NOW)
    rows, total = desk.list_unacknowledged(2)
    assert (rows[0].code, total) == ("offline", len(STATIONS) + 1)
    desk.acknowledge(rows[0].id, "tove.test", "")
    assert desk.list_unacknowledged(9)[1] == len(STATIONS)
    assert {row.station for row in desk.within(frozenset({"entre-*"})).list_unacknowledged(9)[0]} == {
        "entre-a",
        "entre-b",
    }
