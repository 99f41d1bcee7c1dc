"""Commands to stations in words: what it is, how far it has come, and what the station's answer means."""

__all__ = ["COMMAND_ICON", "command_detail", "command_mark", "command_title", "command_todos", "test_said"]

from collections.abc import Iterable, Mapping
from datetime import datetime

from fleet.server.commands.model import CommandRow
from fleet.server.commands.narratives import COMMAND_ICON
from fleet.server.platform.pages.i18n import Texts
from fleet.server.stations.labels import Level, Mark, Todo

_STATE: dict[str, tuple[Level, str]] = {
    "waiting": ("wa", "account-check-outline"),
    "ready": ("of", "clock-outline"),
    "sent": ("of", "timer-sand"),
    "done": ("ok", "check-circle"),
    "refused": ("wa", "alert"),
    "failed": ("ba", "close-circle"),
    "expired": ("wa", "calendar-clock"),
    "withdrawn": ("of", "close-circle-outline"),
}


def command_mark(row: CommandRow) -> Mark:
    """How far it has come."""
    level, icon = _STATE[row.state]
    return Mark(level, icon, "command_state", row.state)


def command_title(row: CommandRow, texts: Texts) -> str:
    """What it is, with its slot."""
    said = texts.code("command", row.command)
    return said if row.slot is None else f"{said} {row.slot}"


def command_detail(row: CommandRow, texts: Texts) -> str:
    """Why it ended as it did; empty where the state says it all."""
    if row.state == "withdrawn":
        return texts("commands.withdrawn_by", who=row.ended_by)
    if row.state == "expired" and row.sequence is None:
        return texts("commands.nobody_agreed")
    return texts.code("command_result", row.result) if row.result else ""


def test_said(row: CommandRow, texts: Texts) -> str:
    """When a self test was done, and what it found."""
    faults, when = sum(1 for device in row.devices if not device.ok), texts.moment(row.ended or row.asked)
    return texts.many("commands.tested", faults, when=when) if faults else texts("commands.tested.none", when=when)


def command_todos(rows: Iterable[CommandRow], titles: Mapping[str, str], texts: Texts, now: datetime) -> list[Todo]:
    """Commands that wait for whoever looks, as lines of the list of what needs somebody."""
    return [
        Todo(
            "wa",
            COMMAND_ICON[row.command],
            f"{titles.get(row.station, row.station)}: {command_title(row, texts)}",
            texts("commands.todo", who=row.by, reason=row.reason),
            f"/commands/{row.id}",
            texts("commands.todo_action"),
            texts.lately(row.asked, now),
        )
        for row in rows
    ]
