"""Whoever can be the second person is told that a command waits: once, by the channels of the alerts."""

from datetime import timedelta

import msgspec
import pytest

from fleet.server.alerts.service import AlertService
from fleet.server.commands.service import DECIDE, CommandService
from fleet.server.database.database import Database
from fleet.server.ingest.write import Writer
from fleet.server.maintenance.model import Window
from tests.fakes.server.alert_monitor import SETTINGS, Desk
from tests.fakes.server.commands import OLLE, OPEN, SYNC, TOVE, commands_of
from tests.fakes.server.databases import either as database
from tests.fakes.server.databases import on_postgres
from tests.fleet.server.conftest import NOW, KeptChanges, writer

__all__ = ["database", "on_postgres", "writer"]


@pytest.fixture
def commands(desk: Desk) -> CommandService:
    return commands_of(desk.database, lambda: desk.now)


def tell(desk: Desk) -> list[tuple[str, str, str]]:
    """One turn of both loops; gives all that was told so far."""
    desk.service.look()
    desk.service.tell()
    return desk.told


def test_a_command_that_waits_is_told_once_with_its_page_also_in_maintenance(
    desk: Desk, commands: CommandService
) -> None:
    windows = AlertService(desk.database, KeptChanges(), lambda: desk.now)
    windows.begin_window(Window("lift", ("*",), 600, since=NOW), "tove.test")
    commands.ask(SYNC, TOVE)
    row = commands.ask(OPEN, TOVE)
    link = f"open_slot https://dash.example/commands/{row.id}"
    expected = [("all", "waiting", link), ("bad", "waiting", link)]
    assert tell(desk) == expected
    desk.later(60)
    assert tell(desk) == expected
    commands.approve(row.id, OLLE)
    assert tell(desk.later(60)) == expected, "that it is decided is on its page"
    assert desk.queue() == []


@pytest.mark.parametrize("ends", ["approved", "over"])
def test_a_channel_that_was_away_is_not_told_of_what_is_decided(
    desk: Desk, commands: CommandService, ends: str
) -> None:
    row = commands.ask(OPEN, TOVE)
    desk.away = True
    assert tell(desk) == []
    assert [(one.channel, one.error) for one in desk.queue()] == [("bad", "answered 503"), ("all", "answered 503")]
    inside, outside = (
        AlertService(desk.database, KeptChanges(), lambda: NOW, frozenset({one})) for one in ("entre-*", "x")
    )
    assert ([one.about.id for one in inside.queued_notices()], outside.queued_notices()) == ([row.id] * 2, [])
    desk.away = False
    if ends == "approved":
        commands.approve(row.id, OLLE)
    desk.later(60 if ends == "approved" else DECIDE / timedelta(seconds=1))
    assert tell(desk) == []
    assert desk.queue() == []


def test_a_channel_that_comes_back_in_time_is_told(desk: Desk, commands: CommandService) -> None:
    commands.ask(OPEN, TOVE)
    desk.away = True
    tell(desk)
    desk.away = False
    assert [channel for channel, _, _ in tell(desk.later(60))] == ["all", "bad"]


def test_only_the_channels_that_the_settings_name_are_told(database: Database, writer: Writer) -> None:
    desk = Desk(database, writer, msgspec.structs.replace(SETTINGS, second_person=("bad",)))
    commands_of(database, lambda: NOW).ask(OPEN, TOVE)
    assert [channel for channel, _, _ in tell(desk)] == ["bad"]
