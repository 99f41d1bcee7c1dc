"""Windows that were made while the server runs count beside those of the file."""

from datetime import UTC, datetime, timedelta

import pytest

from fleet.server.alerts.service import AlertService
from fleet.server.alerts.settings import load, planned_windows, with_windows
from fleet.server.maintenance.model import Window, WindowRow
from tests.fakes.server.alert_monitor import LOW, Desk
from tests.fakes.server.databases import either as database
from tests.fakes.server.databases import on_postgres
from tests.fleet.server.conftest import NOW, KeptChanges, writer

__all__ = ["database", "on_postgres", "writer"]

SUNDAY = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("window", "at", "held"),
    [
        (Window("night", ("entre-*",), 90, ("sun",), "23:30"), SUNDAY.replace(hour=23, minute=30), True),
        (Window("night", ("entre-*",), 90, ("sun",), "23:30"), SUNDAY + timedelta(days=1, minutes=59), True),
        (Window("night", ("entre-*",), 90, ("sun",), "23:30"), SUNDAY + timedelta(days=1, minutes=60), False),
        (Window("night", ("entre-*",), 90, ("sun",), "23:30"), SUNDAY + timedelta(minutes=30), False),
        (Window("daily", ("*",), 60, start="02:00"), SUNDAY.replace(hour=2), True),
        (Window("daily", ("akuten",), 60, start="02:00"), SUNDAY.replace(hour=2), False),
        (Window("once", ("entre-a",), 60, since=SUNDAY), SUNDAY + timedelta(minutes=59), True),
        (Window("once", ("entre-a",), 60, since=SUNDAY), SUNDAY + timedelta(minutes=60), False),
        (Window("last", ("entre-a",), 60, since=datetime.max.replace(tzinfo=UTC)), SUNDAY, False),
    ],
)
def test_when_a_window_holds(window: Window, at: datetime, held: bool) -> None:
    settings = with_windows(load(), [WindowRow(1, window, "tove.test", SUNDAY)])
    assert settings.in_maintenance("entre-a", at) is held


@pytest.mark.parametrize(
    ("window", "at", "ends"),
    [
        (
            Window("night", ("*",), 90, ("sun",), "23:30"),
            SUNDAY.replace(hour=23, minute=30),
            SUNDAY + timedelta(hours=25),
        ),
        (Window("night", ("*",), 90, ("sun",), "23:30"), SUNDAY + timedelta(hours=24.5), SUNDAY + timedelta(hours=25)),
        (Window("night", ("*",), 90, ("sun",), "23:30"), SUNDAY + timedelta(hours=25), None),
        (Window("daily", ("*",), 60, start="02:00"), SUNDAY.replace(hour=2), SUNDAY.replace(hour=3)),
        (Window("once", ("*",), 60, since=SUNDAY), SUNDAY, SUNDAY + timedelta(hours=1)),
        (Window("once", ("*",), 60, since=SUNDAY), SUNDAY + timedelta(hours=1), None),
    ],
)
def test_when_it_ends(window: Window, at: datetime, ends: datetime | None) -> None:
    (one,) = planned_windows(load(), [WindowRow(1, window, "tove.test", SUNDAY)])
    assert one.ends(at) == ends
    (over,) = planned_windows(load(), [WindowRow(1, window, "tove.test", SUNDAY, ended=SUNDAY)])
    assert (over.ends(at), over.over(at)) == (None, True)


def test_while_it_holds_nobody_is_told_and_ended_early_they_are(desk: Desk) -> None:
    windows = AlertService(desk.database, KeptChanges(), lambda: desk.now)
    made = windows.begin_window(Window("new floor", ("entre-*",), 600, since=NOW), "tove.test")
    (one,) = desk.says(LOW).look()
    desk.service.tell()
    assert (one.silent, desk.told) == (True, [])
    windows.end_window(made.id)
    desk.later(10).look()
    desk.service.tell()
    assert desk.told == [("all", "opened", "paper")]
    windows.end_window(desk.later(10) and made.id)
    assert windows.list_windows() == []
    (row,) = windows.list_windows(ended=True)
    assert (row.ended, row.window, row.by) == (NOW, made.window, "tove.test")
    assert windows.find_window(made.id) == row
    assert windows.find_window(99) is None
